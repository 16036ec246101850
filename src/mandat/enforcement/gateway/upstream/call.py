"""One request to an upstream: what is sent, who waits for the answer, and how long. Values and interfaces only."""

import asyncio
from typing import Protocol

import msgspec

from mandat.enforcement.gateway.upstream.answer_framing import AnswerHead
from mandat.protocol.refusals import Reason


class LoopTime:
    """The time that deadlines begin at. Never one that was read a while ago: a deadline would end that much early."""

    __slots__ = ()

    @property
    def now(self) -> float:
        """Seconds on the running loop's clock."""
        return asyncio.get_running_loop().time()


class AnswerReceiver(Protocol):
    """Who waits for an answer. Nothing comes after a call with `is_last`, nor after `answer_failed`."""

    def answer_started(self, head: AnswerHead, data: bytes, is_last: bool) -> None:
        """The head of the final answer, and what came of its body together with it."""

    def answer_data(self, data: bytes, is_last: bool) -> None:
        """More of its body."""

    def answer_failed(self, reason: Reason) -> None:
        """There will be no (more of the) answer: UPSTREAM_UNREACHABLE or UPSTREAM_TIMED_OUT."""


class Carrier(Protocol):
    """The connection that carries a request."""

    def drop(self) -> None:
        """Close at once. A call in progress hears nothing of it."""

    def pause(self) -> None:
        """The client does not take any more for now: stop reading, so that the upstream stops sending."""

    def resume(self) -> None:
        """The client takes more: the upstream's time begins again."""


class UpstreamCall(msgspec.Struct, eq=False):
    """One request to an upstream and who waits for its answer.

    `is_repeatable` says that the method is safe, so that the request may be sent again if a kept connection turns out
    to be dead. `deadline` is when the silence of the upstream counts as a time-out, on the loop's clock.
    """

    request: bytes
    receiver: AnswerReceiver
    is_head: bool
    is_repeatable: bool
    patience_seconds: float
    connection: Carrier | None = None
    deadline: float = 0.0
    is_cancelled: bool = False
