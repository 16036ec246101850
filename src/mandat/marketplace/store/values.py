"""What the store keeps of installations, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mandat.marketplace.stacks.yaml_text import JsonValue
from mandat.marketplace.states import State, StepState
from mandat.protocol.access_rule import AccessRule


class ProblemKind(StrEnum):
    """Why an installation stands still. The values are stored; they never change."""

    NOT_CONFIRMED = "not_confirmed"  # refused, or not answered yet, or expired before the first call
    PERMISSION_ENDED = "permission_ended"  # worked before, does not any more
    NOT_GRANTED = "not_granted"  # the permission holds, but does not cover this call
    OTHER_BROWSER = "other_browser"  # the answer came back in a browser session that had not asked
    OTHER_ACCOUNT = "other_account"  # given by another account than the one that holds what is done already
    APPLICATION_REFUSED = "application_refused"  # the provider does not accept the marketplace itself
    STEP_REFUSED = "step_refused"  # the provider said no to a step
    NO_ANSWER = "no_answer"  # the provider did not answer, several times
    ANSWER_LOST = "answer_lost"  # a write may or may not have been done, and must not be repeated unasked
    STEP_IMPOSSIBLE = "step_impossible"  # the step cannot be sent as the stack describes it
    NOT_IN_TIME = "not_in_time"  # what a step waits for did not happen within the stack's time limit
    NOT_HEALTHY = "not_healthy"  # everything is there, but the result does not answer
    CANCELLED = "cancelled"  # the customer wanted no further step


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong. `message` is the provider's, for people; `query_id` names the exchange in the provider's log."""

    kind: ProblemKind
    message: str = ""
    query_id: str | None = None
    step_id: str | None = None


@dataclass(frozen=True, slots=True)
class Edition:
    """One version of the stack that an installation is on its way to.

    Attributes:
        number: counts upgrades of this installation; ids of its steps begin with it, so that none comes twice.
        rules: what the customer was shown when she was asked for it.
        ways: how each of the version's steps comes about, by step id: a value of `stacks.difference.Way`.
        course: the records to go through, in order: the version's own steps, then removing what it does not have.
        undoes: it leads back to the version before, after an upgrade that did not come to its end.
    """

    number: int
    digest: str
    inputs: dict[str, JsonValue]
    rules: tuple[AccessRule, ...]
    ways: Mapping[str, str]
    course: tuple[str, ...]
    undoes: bool


@dataclass(frozen=True, slots=True)
class NewEdition:
    """An edition with what has to be stored with it: its document, and the steps whose outcome is known already."""

    edition: Edition
    source: str = field(repr=False)
    waiting: Mapping[str, Mapping[str, JsonValue] | None]
    known: Mapping[str, Mapping[str, JsonValue]]


@dataclass(frozen=True, slots=True)
class Installation:
    """One order of one customer, and what became of it.

    Attributes:
        rules: what the customer was shown when she ordered. `connection_id`: the permission for them.
        edition: the number of the version that is installed: 0 as ordered, more after upgrades.
        pending: versions that it is on its way to and not at yet, oldest first; empty unless an upgrade has begun.
        removal_rules: what she was shown when she had it removed; empty before. `removal_connection_id`: as above.
    """

    id: str
    user_id: int
    stack_id: str
    digest: str
    inputs: dict[str, JsonValue]
    rules: tuple[AccessRule, ...]
    state: State
    attempt: int
    connection_id: int | None
    problem: Problem | None
    ordered: float
    changed: float
    removal_rules: tuple[AccessRule, ...] = ()
    removal_connection_id: int | None = None
    edition: int = 0
    pending: tuple[Edition, ...] = ()
    upgrade_connection_id: int | None = None


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step of one installation. `outputs` is there once it is done."""

    step_id: str
    state: StepState
    tries: int
    outputs: dict[str, JsonValue] | None
    query_id: str | None
    started: float | None
    ended: float | None


@dataclass(frozen=True, slots=True)
class NewInstallation:
    """What an order brings."""

    id: str
    user_id: int
    stack_id: str
    digest: str
    source: str = field(repr=False)
    inputs: dict[str, JsonValue]
    rules: tuple[AccessRule, ...]
    step_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Connection:
    """A permission that came back: whose it is, without its key."""

    id: int
    user_id: int
    installation_id: str
    account: str | None
    account_name: str | None
    at: float
    lost: float | None
