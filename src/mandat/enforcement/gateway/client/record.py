"""What is said about one exchange once it is over: a line in the access log, and a number in the counters.

What happens in between is `exchange`'s work.
"""

import asyncio
from typing import Final, Protocol

import msgspec

from mandat.core.call import NOBODY, About
from mandat.core.decision import Permit
from mandat.enforcement.access_log import LogLine
from mandat.enforcement.counting.counters import ABANDONED, OPEN, OWN, PERMITTED
from mandat.enforcement.gateway import answers
from mandat.enforcement.gateway.caller import Caller
from mandat.enforcement.gateway.door import Door
from mandat.enforcement.gateway.framing import FramingFault, RequestHead
from mandat.enforcement.settings import Upstream
from mandat.protocol.refusals import WORDINGS, Reason

UNKNOWN_HOST: Final = "unknownHost"
"""In the log's details of a wrong signature: the Host of a call that came for none of the public addresses."""


class Client(Protocol):
    """The connection that an exchange came on."""

    peer: str
    """The address of the other end."""
    stranger: Caller
    """Its caller as long as nothing else is known."""
    is_proxy: bool
    """Whether the other end is a trusted proxy."""

    def write(self, data: bytes) -> None:
        """Send bytes to the client, if it is still there."""

    def reset(self) -> None:
        """Break the connection so that the client cannot take what it has for a whole answer."""

    def body_at_hand(self) -> bytes | None:
        """The body of the request when all of it is there and may be kept; None when it must be read, or refused."""

    def read_body(self, max_bytes: int) -> "asyncio.Future[bytes | Reason]":
        """The whole body, or why it cannot be had. Asked for at most once, and not when it was at hand."""

    def settle_input(self, exchange: "ExchangeRecord") -> None:
        """Before an answer of the gateway's own: what becomes of the rest of the body."""

    def exchange_ended(self, exchange: "ExchangeRecord") -> None:
        """The answer was given: go on with the next request, or close."""


class ExchangeRecord(msgspec.Struct, eq=False):
    """One request, and what became of it so far. `Exchange` fills it in.

    `started` is Unix seconds; `caller` is set once it is known; `path` is the raw target up to the question mark;
    `is_api` says that it carries the API; `keeps_alive` whether another request may follow on the connection.
    """

    _client: Client
    _door: Door
    head: RequestHead
    started: float
    caller: Caller
    query_id: str
    path: bytes
    is_api: bool
    keeps_alive: bool
    _permit: Permit | None = None
    _reason: Reason | None = None
    _received_bytes: int = 0
    _refused: tuple[dict[str, str] | None, About] | None = None
    _sent_bytes: int = 0
    _status: int = 0
    _upstream: Upstream | None = None

    def _note(self, is_cut_short: bool) -> None:
        permit, details, about = self._permit, None, NOBODY
        if self._refused is not None:
            details, about = self._refused
            if self._reason is Reason.INVALID_SIGNATURE and not self.caller.public_origin:
                details = {**(details or {}), UNKNOWN_HOST: self.head.host[:255].decode("latin-1")}
        seconds = max(0.0, self._door.clock() - self.started)
        self._door.counters.ended(self._outcome(), seconds)
        self._door.access_log.note(
            LogLine(
                time=self.started,
                query_id=self.query_id,
                address=self.caller.address,
                method=self.head.method.decode("latin-1"),
                path=self.path[:2048].decode("latin-1"),
                status=self._status,
                seconds=seconds,
                received_bytes=self._received_bytes,
                sent_bytes=self._sent_bytes,
                upstream=self._upstream.name if self._upstream is not None else "",
                reason=self._reason.value if self._reason is not None else "",
                account=permit.grant.account if permit is not None else "",
                application=permit.application.id if permit is not None else about.application,
                credential=permit.grant.credential_id if permit is not None else about.credential,
                is_cut_short=is_cut_short,
                trace=self.head.trace,
                details=details or None,
            )
        )

    def _outcome(self) -> str:
        """One of `counters.OUTCOMES`."""
        if self._reason is not None:
            return self._reason.value
        if self._permit is not None:
            return PERMITTED
        if self._upstream is not None:
            return OPEN
        return OWN if self._status else ABANDONED


def refuse_no_request(door: Door, address: str, fault: FramingFault) -> bytes:
    """The answer to something on a connection from `address` that was no request; noted as any other."""
    now, reason, details = door.clock(), Reason.MALFORMED_REQUEST, {"reason": fault.why}
    query_id = door.new_query_id(now)
    whole = answers.refusal(reason, query_id=query_id, is_api=False, keeps_alive=False, details=details)
    door.counters.ended(reason.value, 0.0)
    door.access_log.note(
        LogLine(
            time=now,
            query_id=query_id,
            address=address,
            method="",
            path="",
            status=WORDINGS[reason].status,
            seconds=0.0,
            sent_bytes=len(whole),
            reason=reason.value,
            details=details,
        )
    )
    return whole
