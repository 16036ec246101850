"""Why a flow did not do what it was asked: a value, with a text that is safe to show."""

from dataclasses import dataclass

from mandat.protocol.refusals import Reason


@dataclass(frozen=True, slots=True)
class Fault:
    """A refusal by a use case.

    `message` says what is wrong and what to do, for the person or program that asked. `field` names the input that is
    wrong ("password", "allowedIPs[2]"), or is None when no single one is. `retry_after_seconds` is set where waiting
    helps.
    """

    reason: Reason
    message: str
    field: str | None = None
    retry_after_seconds: int | None = None
