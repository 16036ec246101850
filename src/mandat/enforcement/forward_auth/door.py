"""Answers proxies that ask about a call: 200 with whom it is for, or the refusal that the caller is to get.

An ASGI application that only trusted peers may ask. A permit is good for the one call that was asked about, and only if
the proxy then sends that call, byte for byte, to the upstream that the assertion names; the configurations of
`mandat deploy` do. Source: design.md 2 and 8, threats.md 3.4.
"""

from dataclasses import dataclass
from typing import Final

from mandat.core.call import NOBODY, About
from mandat.core.decision import Decision, Deny, Permit
from mandat.enforcement.access_log import AccessLog, LogLine
from mandat.enforcement.assertion import AssertionSigner
from mandat.enforcement.counting.counters import PERMITTED, DoorCounters
from mandat.enforcement.doors.asgi_io import BodyReader, ClientGone, Receive, Scope, Send, send_answer
from mandat.enforcement.doors.guard import Guard, call_head
from mandat.enforcement.doors.heads import Framing, UnusableServer, find_alias, read_framing, split_repeated, trimmed
from mandat.enforcement.doors.refusing import NO_CACHE, Answer, refusal
from mandat.enforcement.forward_auth.styles import BODY_HIDDEN, BODY_LOST, Original, Style, read_original
from mandat.enforcement.gateway.caller import Caller
from mandat.enforcement.gateway.framing import FramingFault, Headers, find_trace
from mandat.enforcement.gateway.routes import RouteTable, is_api_path
from mandat.enforcement.point import Suspended
from mandat.enforcement.settings import Upstream
from mandat.protocol.headers import (
    ACCOUNT,
    APPLICATION_ID,
    ASSERTION,
    CALLER_ADDRESS,
    CREDENTIAL_ID,
    PUBLIC_ORIGIN,
    QUERY_ID,
)
from mandat.protocol.refusals import WORDINGS, Reason

STATUS: Final = "X-Mandat-Status"
REFUSAL: Final = "X-Mandat-Refusal"
"""For nginx, which passes on neither status nor body of a refusal: both as fields, for its `error_page`."""

UNKNOWN_ORIGIN: Final = "-"
"""What X-Mandat-Public-Origin says when the caller used none of ours. Said aloud, so that a proxy which copies fields
is never left with one that the caller wrote."""


@dataclass(slots=True)
class _Question:
    """One question, and what has been found out about it."""

    method: bytes
    target: bytes
    headers: Headers
    peer: str | None
    receive: Receive
    query_id: str
    asked_at: float
    original: Original | None = None
    caller: Caller | None = None
    upstream: Upstream | None = None
    body_fault: str = ""


class ForwardAuthDoor:
    """See the module. One for each process and event loop."""

    def __init__(
        self,
        guard: Guard,
        style: Style,
        *,
        routes: RouteTable,
        signer: AssertionSigner,
        access_log: AccessLog,
        counters: DoorCounters | None = None,
    ) -> None:
        """
        Args:
            guard: judges; its `trusted_proxies` are the peers that may ask.
            style: how they ask.
            routes: which upstream a permitted call is for; the same table as the gateway's.
            signer: makes the assertions.
            access_log: gets one line for each question of a trusted peer.
            counters: counts those questions, for whoever made it.
        """
        self._guard = guard
        self._style = style
        self._routes = routes
        self._signer = signer
        self._access_log = access_log
        self._counters = DoorCounters() if counters is None else counters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one question. Other scopes than HTTP are not served.

        Raises:
            UnusableServer: the server does not say which target was sent.
        """
        if scope["type"] != "http":
            return
        path = scope.get("raw_path")
        if path is None:
            raise UnusableServer("This ASGI server does not pass raw_path, the target as it was sent.")
        query = scope.get("query_string", b"")
        client = scope.get("client")
        now = self._guard.clock()
        headers = trimmed(scope["headers"])
        question = _Question(
            method=scope["method"].encode("latin-1"),
            target=path + b"?" + query if query else path,
            headers=split_repeated(headers) if self._style.joins_repeated else headers,
            peer=client[0] if client else None,
            receive=receive,
            query_id=self._guard.new_query_id(now),
            asked_at=now,
        )
        try:
            answer = await self._answer(question)
        except ClientGone:
            return
        await send_answer(answer, send, is_head=question.method == b"HEAD")

    def refuse_unreadable(self) -> Answer:
        """The answer to a question that the server could not even parse, such as one with controls in a field."""
        query_id = self._guard.new_query_id(self._guard.clock())
        self._counters.ended(Reason.MALFORMED_REQUEST.value, 0.0)
        return self._in_style(refusal(Reason.MALFORMED_REQUEST, query_id=query_id, is_api=False))

    async def _answer(self, question: _Question) -> Answer:
        if not self._guard.is_trusted(question.peer):
            why = {"reason": "only trusted proxies may ask here"}
            return refusal(Reason.FORBIDDEN, query_id=question.query_id, is_api=False, details=why)
        decision = await self._decide(question)
        line = self._log_line(question, decision)
        self._counters.ended(line.reason or PERMITTED, line.seconds)
        self._access_log.note(line)
        if isinstance(decision, Permit):
            return self._permitted(question, decision)
        return self._refused(question, decision)

    async def _decide(self, question: _Question) -> Decision:
        """The decision about the call behind the question, its route included."""
        framing = read_framing(question.headers, is_http_1=True)
        if isinstance(framing, FramingFault):
            return _malformed(framing.why)
        original = read_original(self._style, question.method, question.target, framing.host, question.headers)
        if isinstance(original, FramingFault):
            return _malformed(original.why)
        question.original = original
        if (alias := find_alias(question.headers)) is not None:
            return _malformed(f"the field {alias.decode('latin-1')[:64]} is another's name in disguise")
        caller = self._guard.identify_forwarded(question.peer, original.host, question.headers)
        if isinstance(caller, FramingFault):
            return _malformed(caller.why)
        question.caller = caller
        decision = await self._judge(question, original, caller, framing)
        return self._find_upstream(question, decision) if isinstance(decision, Permit) else decision

    async def _judge(self, question: _Question, original: Original, caller: Caller, framing: Framing) -> Decision:
        point = self._guard.point
        head = call_head(original.method, original.target, question.headers, caller)
        reader = BodyReader(
            question.receive,
            framing.body_bytes,
            self._guard.budget,
            deadline_seconds=self._guard.limits.body_seconds,
        )

        async def read_body(max_bytes: int) -> bytes | Reason:
            """What the signature covers; a body that this proxy does not show is no empty body."""
            if not self._style.passes_body:
                question.body_fault = BODY_HIDDEN
                return Reason.MALFORMED_REQUEST
            body = await reader(max_bytes) if framing.body_bytes != 0 else b""
            if original.has_body and not body:
                question.body_fault = BODY_LOST
                return Reason.MALFORMED_REQUEST
            return body

        try:
            is_bodiless = not original.has_body and (not self._style.passes_body or framing.body_bytes == 0)
            decision = point.judge(head, b"" if is_bodiless else None)
            if isinstance(decision, Suspended):
                decision = await point.finish(decision, read_body)
        finally:
            reader.release()
        return _malformed(question.body_fault) if question.body_fault else decision

    def _find_upstream(self, question: _Question, permit: Permit) -> Decision:
        """The permit, if it leads to an upstream that a proxy may reach past the gateway."""
        upstream = self._routes.find_upstream(permit.target)
        if upstream is None or upstream.trusted:
            return Deny(Reason.UNKNOWN_ROUTE)
        if permit.target.encoded_slash and upstream.encoded_slash == "refuse":
            return Deny(Reason.NON_CANONICAL_TARGET)
        question.upstream = upstream
        return permit

    def _permitted(self, question: _Question, permit: Permit) -> Answer:
        grant, caller, upstream = permit.grant, question.caller, question.upstream
        assert caller is not None and upstream is not None
        token = self._signer.assertion(permit.application, grant, audience=upstream.audience, now=question.asked_at)
        fields = (
            (QUERY_ID, question.query_id),
            # Account ids are the provider's; a control character in one must not become a header of its own.
            (ACCOUNT, "".join(character for character in grant.account if " " <= character <= "~")),
            (APPLICATION_ID, str(permit.application.id)),
            (CREDENTIAL_ID, str(grant.credential_id)),
            (CALLER_ADDRESS, caller.address),
            (PUBLIC_ORIGIN, caller.public_origin or UNKNOWN_ORIGIN),
            (ASSERTION, token.decode("ascii")),
            NO_CACHE,
        )
        return Answer(200, fields, b"")

    def _refused(self, question: _Question, denied: Deny) -> Answer:
        is_api = question.original is not None and is_api_path(question.original.target)
        answer = refusal(
            denied.reason,
            query_id=question.query_id,
            is_api=is_api,
            message=denied.message,
            details=denied.details,
            quota=denied.quota,
        )
        return self._in_style(answer)

    def _in_style(self, answer: Answer) -> Answer:
        """A refusal as this proxy can pass it on."""
        if not self._style.knows_only_401_403:
            return answer
        told = ((STATUS, str(answer.status)), (REFUSAL, answer.body.decode("ascii", "backslashreplace")))
        return Answer(401 if answer.status == 401 else 403, (*answer.fields, *told), answer.body)

    def _log_line(self, question: _Question, decision: Decision) -> LogLine:
        original, permit = question.original, decision if isinstance(decision, Permit) else None
        denied = decision if isinstance(decision, Deny) else None
        about = NOBODY if denied is None else denied.about
        if permit is not None:
            about = About(permit.application.id, permit.grant.credential_id)
        target = question.target if original is None else original.target
        method = question.method if original is None else original.method
        return LogLine(
            time=question.asked_at,
            query_id=question.query_id,
            address=question.caller.address if question.caller is not None else "",
            method=method[:32].decode("latin-1"),
            path=target.partition(b"?")[0][:2048].decode("latin-1"),
            status=200 if denied is None else WORDINGS[denied.reason].status,
            seconds=max(0.0, self._guard.clock() - question.asked_at),
            received_bytes=len(permit.body) if permit is not None else 0,
            upstream=question.upstream.name if question.upstream is not None else "",
            reason="" if denied is None else denied.reason.value,
            account=permit.grant.account if permit is not None else "",
            application=about.application,
            credential=about.credential,
            trace=find_trace(question.headers),
            details=None if denied is None else denied.details or None,
        )


def _malformed(why: str) -> Deny:
    return Deny(Reason.MALFORMED_REQUEST, {"reason": why})
