"""One request and its answer: forwards what was judged, relays what comes back, and says in the log what happened.

An answer that breaks off makes the client see a reset, never a short 200 (R9 of threats.md). Reading the request is
`connection`'s work, what becomes of it is decided in `dispatch`.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Final

from mandat.core.call import NOBODY, About, QuotaNotice
from mandat.core.decision import Permit
from mandat.enforcement.gateway import answers
from mandat.enforcement.gateway.caller import Caller
from mandat.enforcement.gateway.client.record import Client, ExchangeRecord
from mandat.enforcement.gateway.door import Door
from mandat.enforcement.gateway.framing import FramingFault, RequestHead
from mandat.enforcement.gateway.headers import answer_fields, request_fields
from mandat.enforcement.gateway.identity import exchange_fields
from mandat.enforcement.gateway.routes import is_api_path
from mandat.enforcement.gateway.upstream.answer_framing import AT_HEAD, BY_LENGTH, AnswerHead
from mandat.enforcement.gateway.upstream.call import UpstreamCall
from mandat.enforcement.settings import Upstream
from mandat.protocol.headers import REFUSED_FOR
from mandat.protocol.refusals import WORDINGS, Reason

_REPEATABLE: Final = (b"GET", b"HEAD")
_BODY_METHODS: Final = (b"POST", b"PUT", b"PATCH")
_EVENT_STREAM: Final = b"text/event-stream"

_REFUSED_FOR_NAME: Final = REFUSED_FOR.lower().encode()
_REASONS: Final = {reason.value.encode(): reason for reason in Reason}

_log = logging.getLogger("mandat.enforcement.gateway")


class Exchange(ExchangeRecord, eq=False):
    """See the module. Implements `AnswerReceiver`. Made by `begin_exchange`.

    `is_stream` says that the answer is an event stream, which a stop does not wait for.
    """

    _call: UpstreamCall | None = None
    _is_chunked: bool = False
    _sent_at: float = 0.0
    _task: asyncio.Task[None] | None = None
    is_stream: bool = False

    # The request

    def identify(self) -> Caller | FramingFault:
        """Who calls."""
        client, head = self._client, self.head
        return self._door.desk.identify(client.peer, head.host, head.headers, is_proxy=client.is_proxy)

    def body_at_hand(self) -> bytes | None:
        """The body when all of it is there already; None when it must be waited for."""
        return self._client.body_at_hand()

    def read_body(self, max_bytes: int) -> "asyncio.Future[bytes | Reason]":
        """The whole body, or why it cannot be had."""
        return self._client.read_body(max_bytes)

    def run(self, work: Coroutine[None, None, None]) -> None:
        """Do something that must be waited for; it ends early when the client leaves."""
        self._task = asyncio.get_running_loop().create_task(self._guard(work))

    async def _guard(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception:
            _log.exception("a bug in the gateway; the connection is closed")
            self._client.reset()

    def forward(self, upstream: Upstream, target: bytes, body: bytes, permit: Permit | None) -> None:
        """Send the request on. `target` and `body` are the bytes that were judged; `permit` is None on open routes."""
        self._upstream, self._permit, self._received_bytes = upstream, permit, len(body)
        head, pool = self.head, self._door.pools[upstream.address]
        fields = request_fields(
            head.headers,
            connection_options=head.connection_options,
            is_trusted=upstream.trusted,
            is_open_route=permit is None,
        )
        request = b"".join(
            (
                head.method,
                b" ",
                target,
                b" HTTP/1.1\r\nHost: ",
                pool.host,
                b"\r\n",
                fields,
                b"Content-Length: %d\r\n" % len(body) if body or head.method in _BODY_METHODS else b"",
                # The managed fields are last: nothing that the caller sent can come after them.
                exchange_fields(self.query_id, self.caller),
                b"" if permit is None else self._door.identity.fields(permit, upstream, self.started),
                b"\r\n",
                body,
            )
        )
        self._call = UpstreamCall(
            request,
            self,
            is_head=head.method == b"HEAD",
            is_repeatable=head.method in _REPEATABLE,
            patience_seconds=upstream.timeout_seconds,
        )
        self._sent_at = self._door.clock()
        pool.send(self._call)

    def abandon(self) -> None:
        """The client is gone: the upstream sees its connection closed."""
        if self._call is not None and self._upstream is not None:
            self._door.pools[self._upstream.address].cancel(self._call)
            self._call = None
        if self._task is not None:
            self._task.cancel()
        self._note(True)

    # Answers of the gateway's own

    def refuse(
        self,
        reason: Reason,
        message: str | None = None,
        details: dict[str, str] | None = None,
        quota: QuotaNotice | None = None,
        about: About = NOBODY,
    ) -> None:
        """Answer with the error body for `reason`. `about` is only logged."""
        self._client.settle_input(self)
        self._reason = reason
        self._refused = (details, about)
        whole = answers.refusal(
            reason,
            query_id=self.query_id,
            is_api=self.is_api,
            keeps_alive=self.keeps_alive,
            is_head=self.head.method == b"HEAD",
            message=message,
            details=details,
            quota=self._permit.quota if quota is None and self._permit is not None else quota,
        )
        self._answer(WORDINGS[reason].status, whole)

    def refuse_body(self, why: str) -> None:
        """Answer that the body cannot be read, instead of going on to wait for it."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self.refuse(Reason.MALFORMED_REQUEST, details={"reason": why})

    def answer_document(self, body: bytes) -> None:
        """Answer 200 with a JSON body that anybody may see."""
        self._client.settle_input(self)
        is_head = self.head.method == b"HEAD"
        whole = answers.document(body, query_id=self.query_id, keeps_alive=self.keeps_alive, is_head=is_head)
        self._answer(200, whole)

    def answer_preflight(self) -> None:
        """Answer OPTIONS for an API path."""
        self._client.settle_input(self)
        self._answer(200, answers.preflight(query_id=self.query_id, keeps_alive=self.keeps_alive))

    def answer_allowed_methods(self, methods: list[str]) -> None:
        """Answer OPTIONS for a page."""
        self._client.settle_input(self)
        whole = answers.allowed_methods(methods, query_id=self.query_id, keeps_alive=self.keeps_alive)
        self._answer(200, whole)

    def _answer(self, status: int, whole: bytes) -> None:
        self._status = status
        self._sent_bytes = len(whole)
        self._client.write(whole)
        self._end()

    # Answers of an upstream

    def answer_started(self, head: AnswerHead, data: bytes, is_last: bool) -> None:
        """See `AnswerReceiver`."""
        assert self._upstream is not None
        self._status = head.status
        self._door.counters.upstreams[self._upstream.name].answered(head.status, self._door.clock() - self._sent_at)
        if head.status >= 400 and self._upstream.trusted:
            self._note_refusal(head)
        quota = None if self._permit is None else self._permit.quota
        start = b"".join(
            (
                head.relayed.get((self._upstream.trusted, self.is_api, self._permit is not None))
                or self._relayed_fields(head, self._upstream),
                self.query_id.encode(),
                b"\r\n",
                b"" if quota is None else answers.quota_fields(quota),
                self._framing(head),
                b"\r\n" if self.keeps_alive else b"Connection: close\r\n\r\n",
            )
        )
        self._relay(start, data, is_last)

    def _relayed_fields(self, head: AnswerHead, upstream: Upstream) -> bytes:
        """The start of what clients are told for this head, up to the query id; remembered with the head."""
        seen_by = is_trusted, is_api, is_judged = upstream.trusted, self.is_api, self._permit is not None
        fields = answer_fields(head.headers, is_trusted=is_trusted, is_api=is_api, is_judged=is_judged)
        length = b"Content-Length: %d\r\n" % (head.content_length or 0) if head.ending is BY_LENGTH else b""
        start = head.relayed[seen_by] = answers.status_line(head.status) + fields + length + b"X-Ovh-QueryID: "
        return start

    def _note_refusal(self, head: AnswerHead) -> None:
        """The authority refused: its reason is for the log, the field that says it goes no further."""
        for name, value in head.headers:
            if name == _REFUSED_FOR_NAME:
                self._reason = _REASONS.get(value)

    def answer_data(self, data: bytes, is_last: bool) -> None:
        """See `AnswerReceiver`."""
        self._relay(b"", data, is_last)

    def answer_failed(self, reason: Reason) -> None:
        """See `AnswerReceiver`."""
        self._call = None
        if self._upstream is not None:
            self._door.counters.upstreams[self._upstream.name].failed(reason)
        if self._status:
            self._reason = reason
            self._client.reset()
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

    def _framing(self, head: AnswerHead) -> bytes:
        """What else tells the client where the answer ends, and whether the connection can be kept for that."""
        if self._door.is_stopping:
            self.keeps_alive = False
        if head.ending is BY_LENGTH:
            return b""
        if head.ending is AT_HEAD:
            is_told = head.content_length is not None and head.status not in (204, 304)
            return b"Content-Length: %d\r\n" % (head.content_length or 0) if is_told else b""
        self.is_stream = any(
            name == b"content-type" and value.startswith(_EVENT_STREAM) for name, value in head.headers
        )
        self._is_chunked = self.head.is_http_11
        if self._is_chunked:
            return b"Transfer-Encoding: chunked\r\n"
        self.keeps_alive = False
        return b""

    def _relay(self, start: bytes, data: bytes, is_last: bool) -> None:
        self._sent_bytes += len(data)
        if self._is_chunked:
            chunk = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
            self._client.write(b"%b%b%b" % (start, chunk, b"0\r\n\r\n" if is_last else b""))
        else:
            self._client.write(start + data if start else data)
        if is_last:
            self._call = None
            self._end()

    def _end(self) -> None:
        self._note(False)
        self._client.exchange_ended(self)


def begin_exchange(client: Client, door: Door, head: RequestHead, started: float) -> Exchange:
    """The exchange of a request that just came in; `started` is Unix seconds."""
    path = head.target.partition(b"?")[0]
    keeps_alive = head.keeps_alive and not door.is_stopping
    query_id = door.new_query_id(started)
    return Exchange(client, door, head, started, client.stranger, query_id, path, is_api_path(path), keeps_alive)
