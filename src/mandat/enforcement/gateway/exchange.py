"""One request and its answer: forwards what was judged, relays what comes back, and says in the log what happened.

An answer that breaks off makes the client see a reset, never a short 200 (R9 of threats.md). Reading the request is
`client_connection`'s work, the decision `point`'s.
"""

from typing import TYPE_CHECKING, Final

from mandat.core.decision import Permit
from mandat.enforcement.access_log import LogLine
from mandat.enforcement.gateway import answers
from mandat.enforcement.gateway.answer_framing import AnswerHead, Ending
from mandat.enforcement.gateway.caller import Caller
from mandat.enforcement.gateway.framing import RequestHead
from mandat.enforcement.gateway.headers import answer_fields, request_fields
from mandat.enforcement.gateway.identity import exchange_fields
from mandat.enforcement.gateway.routes import is_api_path
from mandat.enforcement.gateway.upstream_connection import UpstreamCall
from mandat.enforcement.gateway.upstream_pool import UpstreamPool
from mandat.enforcement.settings import Upstream
from mandat.protocol.refusals import WORDINGS, Reason

if TYPE_CHECKING:
    from mandat.enforcement.gateway.client_connection import ClientConnection
    from mandat.enforcement.gateway.door import Door

_REPEATABLE: Final = (b"GET", b"HEAD")
_BODY_METHODS: Final = (b"POST", b"PUT", b"PATCH")


class Exchange:
    """See the module. Implements `AnswerReceiver`."""

    __slots__ = (
        "_call",
        "_connection",
        "_door",
        "_is_chunked",
        "_permit",
        "_pool",
        "_reason",
        "_received_bytes",
        "_sent_bytes",
        "_status",
        "_upstream",
        "caller",
        "head",
        "is_api",
        "is_stream",
        "keeps_alive",
        "path",
        "query_id",
        "started",
    )

    def __init__(self, connection: "ClientConnection", door: "Door", head: RequestHead, started: float) -> None:
        """`started` is Unix seconds."""
        self._connection = connection
        self._door = door
        self.started = started
        self._call: UpstreamCall | None = None
        self._pool: UpstreamPool | None = None
        self._upstream: Upstream | None = None
        self._permit: Permit | None = None
        self._reason: Reason | None = None
        self._status = 0
        self._is_chunked = False
        self._received_bytes = 0
        self._sent_bytes = 0
        self.head = head
        self.caller = Caller(connection.peer, (), "")
        self.query_id = door.new_query_id(started)
        self.path = head.target.partition(b"?")[0]
        self.is_api = is_api_path(self.path)
        self.is_stream = False
        self.keeps_alive = head.keeps_alive

    def forward(self, upstream: Upstream, target: bytes, body: bytes, permit: Permit | None) -> None:
        """Send the request on. `target` and `body` are the bytes that were judged; `permit` None on open routes."""
        self._upstream, self._permit, self._received_bytes = upstream, permit, len(body)
        head, pool = self.head, self._door.pool(upstream)
        lines = [
            b"%b %b HTTP/1.1\r\nHost: %b" % (head.method, target, pool.host),
            *request_fields(
                head.headers,
                connection_options=head.connection_options,
                is_trusted=upstream.trusted,
                is_open_route=permit is None,
            ),
        ]
        if body or head.method in _BODY_METHODS:
            lines.append(b"Content-Length: %d" % len(body))
        lines.append(exchange_fields(self.query_id, self.caller))
        request = b"\r\n".join(lines)
        if permit is not None:
            request += self._door.identity.fields(permit, upstream, self.started)
        call = UpstreamCall(
            b"%b\r\n%b" % (request, body),
            self,
            is_head=head.method == b"HEAD",
            is_repeatable=head.method in _REPEATABLE,
        )
        self._call, self._pool = call, pool
        pool.send(call)

    def answer(self, status: int, whole: bytes) -> None:
        """Give an answer of the gateway's own; `whole` is all of it."""
        self._status = status
        self._sent_bytes = len(whole)
        self._connection.write(whole)
        self._end()

    def refuse(self, reason: Reason, message: str | None = None, details: dict[str, str] | None = None) -> None:
        """Answer with the error body for `reason`."""
        self._reason = reason
        whole = answers.refusal(
            reason,
            query_id=self.query_id,
            is_api=self.is_api,
            keeps_alive=self.keeps_alive,
            is_head=self.head.method == b"HEAD",
            message=message,
            details=details,
        )
        self.answer(WORDINGS[reason].status, whole)

    def answer_started(self, head: AnswerHead) -> None:
        """See `AnswerReceiver`."""
        assert self._upstream is not None
        self._status = head.status
        self.keeps_alive = self.keeps_alive and not self._door.is_stopping
        length = b""
        if head.ending is Ending.BY_LENGTH or (head.ending is Ending.AT_HEAD and head.content_length is not None):
            if head.status not in (204, 304):
                length = b"Content-Length: %d\r\n" % (head.content_length or 0)
        elif head.ending is not Ending.AT_HEAD:
            self._is_chunked = self.head.is_http_11
            self.keeps_alive = self.keeps_alive and self._is_chunked
            length = b"Transfer-Encoding: chunked\r\n" if self._is_chunked else b""
            self.is_stream = (b"content-type", b"text/event-stream") in head.headers
        fields = answer_fields(
            head.headers,
            is_trusted=self._upstream.trusted,
            is_api=self.is_api,
            is_judged=self._permit is not None,
        )
        self._connection.write(
            b"%b%bX-Ovh-QueryID: %b\r\n%b%b\r\n"
            % (
                answers.status_line(head.status),
                fields,
                self.query_id.encode(),
                length,
                b"" if self.keeps_alive else b"Connection: close\r\n",
            )
        )

    def answer_data(self, data: bytes) -> None:
        """See `AnswerReceiver`."""
        self._sent_bytes += len(data)
        self._connection.write(b"%x\r\n%b\r\n" % (len(data), data) if self._is_chunked else data)

    def answer_ended(self) -> None:
        """See `AnswerReceiver`."""
        if self._is_chunked:
            self._connection.write(b"0\r\n\r\n")
        self._call = None
        self._end()

    def answer_failed(self, reason: Reason) -> None:
        """See `AnswerReceiver`."""
        self._call = None
        if self._status:
            self._reason = reason
            self._log(is_cut_short=True)
            self._connection.reset()
        else:
            self.refuse(reason)

    def pause(self) -> None:
        """The client does not take any more for now."""
        if self._call is not None and self._call.connection is not None:
            self._call.connection.pause()

    def resume(self) -> None:
        """The client takes more."""
        if self._call is not None and self._call.connection is not None:
            self._call.connection.resume()

    def abandon(self) -> None:
        """The client is gone."""
        if self._call is not None and self._pool is not None:
            self._pool.cancel(self._call)
            self._call = None
        self._log(is_cut_short=True)

    def _end(self) -> None:
        self._log(is_cut_short=False)
        self._connection.exchange_ended()

    def _log(self, *, is_cut_short: bool) -> None:
        permit = self._permit
        self._door.access_log.note(
            LogLine(
                time=self.started,
                query_id=self.query_id,
                address=self.caller.address,
                method=self.head.method.decode("latin-1"),
                path=self.path[:2048].decode("latin-1"),
                status=self._status,
                seconds=max(0.0, self._door.clock() - self.started),
                received_bytes=self._received_bytes,
                sent_bytes=self._sent_bytes,
                upstream=self._upstream.name if self._upstream is not None else "",
                reason=self._reason.value if self._reason is not None else "",
                account=permit.grant.account if permit is not None else "",
                application=permit.application.id if permit is not None else 0,
                credential=permit.grant.credential_id if permit is not None else 0,
                is_cut_short=is_cut_short,
            )
        )
