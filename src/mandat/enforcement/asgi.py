"""The door inside an ASGI server: judges each call and lets the permitted ones through to the application.

The application sees the judged call and nothing else: the target as sent, the judged body, no managed header, and in
`scope["state"]["mandat"]` an `Identity`. Imports no framework. Wiring to a data folder is `mandat.server.middleware`'s
work. Source: design.md 2 to 5; what differs from the gateway is listed in docs/guide/middleware.md.
"""

import logging
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from mandat.core.call import QuotaNotice
from mandat.core.decision import Decision, Permit
from mandat.enforcement.doors.asgi_io import (
    Application,
    BodyReader,
    ClientGone,
    Message,
    Receive,
    Scope,
    Send,
    replaying,
    send_answer,
    wire_fields,
)
from mandat.enforcement.doors.guard import TIME_ROUTES, Guard, call_head, identity_of, leads_to_authority
from mandat.enforcement.doors.heads import Framing, UnusableServer, trimmed, visible_fields
from mandat.enforcement.doors.refusing import (
    CORS_FIELDS,
    DROPPED_ANSWER_PREFIXES,
    DROPPED_ANSWERS,
    NO_CACHE,
    SANDBOX,
    Answer,
    document,
    preflight,
    quota_fields,
    refusal,
)
from mandat.enforcement.gateway.caller import Caller
from mandat.enforcement.gateway.framing import FramingFault, Headers
from mandat.enforcement.gateway.routes import is_api_path
from mandat.enforcement.point import Suspended
from mandat.protocol.refusals import Reason
from mandat.protocol.target import CanonicalTarget, TargetFault, parse_target

_HTTP_1: Final = ("1.1", "1.0")
_LATER: Final = ("2", "3")
_NO_CACHE: Final = wire_fields([NO_CACHE])[0]
_ADDED: Final = wire_fields([*CORS_FIELDS, *SANDBOX])
_ANSWER_DROPPED: Final = frozenset(name.lower().encode() for name in DROPPED_ANSWERS)
_ANSWER_DROPPED_PREFIXES: Final = tuple(prefix.encode() for prefix in DROPPED_ANSWER_PREFIXES)
_DROPPED: Final = b"(dropped)"
_KNOWN_NAMES_MAX: Final = 1_024
_plain_names: dict[bytes, bytes] = {}
_log = logging.getLogger("mandat.enforcement.asgi")


class AsgiDoor:
    """ASGI 3 middleware around `app`. One for each process and event loop."""

    def __init__(self, app: Application, guard: Guard) -> None:
        """
        Args:
            app: what permitted calls and open routes reach.
            guard: judges.
        """
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope. WebSockets are refused (design.md 8); a lifespan is the application's.

        Raises:
            UnusableServer: the server does not say which target was sent. The caller gets the server's 500.
        """
        kind = scope["type"]
        if kind == "http":
            await _Exchange(self._guard, self._app, scope, receive, send).run()
        elif kind == "lifespan":
            await self._app(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": "WebSockets are not supported"})


class _Exchange:
    """One request and its answer."""

    __slots__ = (
        "_app",
        "_guard",
        "_path",
        "_query_id",
        "_quota",
        "_receive",
        "_scope",
        "_send",
        "_target",
    )

    def __init__(self, guard: Guard, app: Application, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("raw_path")
        if path is None:
            raise UnusableServer(
                "This ASGI server does not pass raw_path, the target as it was sent, so no call can be judged;"
                " use one that does (uvicorn, hypercorn, granian, daphne)."
            )
        query = scope.get("query_string", b"")
        self._guard = guard
        self._app = app
        self._scope = scope
        self._receive = receive
        self._send = send
        self._path: bytes = path
        self._target: bytes = path + b"?" + query if query else path
        self._query_id = ""
        self._quota: QuotaNotice | None = None

    async def run(self) -> None:
        """Answer the request, or have the application answer it."""
        guard, scope = self._guard, self._scope
        now = guard.clock()
        self._query_id = guard.new_query_id(now)
        headers = trimmed(scope["headers"])
        client = scope.get("client")
        version = scope["http_version"]
        who = guard.identify(client[0] if client else None, headers, is_http_1=version in _HTTP_1)
        if version not in _HTTP_1 and version not in _LATER:
            who = FramingFault("not a version of HTTP that is known here")
        if isinstance(who, FramingFault):
            await self._refuse(Reason.MALFORMED_REQUEST, details={"reason": who.why})
            return
        caller, framing = who
        method = scope["method"].encode("latin-1")
        if guard.is_unjudged(method, self._path):
            await self._answer_unjudged(method, headers, caller, int(now))
        elif framing.body_bytes == 0:
            decision = guard.point.judge(call_head(method, self._target, headers, caller), b"")
            if isinstance(decision, Suspended):
                decision = await guard.point.finish(decision, _no_body)
            await self._act(decision, headers, caller)
        else:
            await self._judge_with_body(method, headers, caller, framing)

    async def _judge_with_body(self, method: bytes, headers: Headers, caller: Caller, framing: Framing) -> None:
        guard = self._guard
        reader = BodyReader(self._receive, framing.body_bytes, guard.budget, deadline_seconds=guard.limits.body_seconds)
        try:
            decision = guard.point.judge(call_head(method, self._target, headers, caller), None)
            if isinstance(decision, Suspended):
                decision = await guard.point.finish(decision, reader)
            await self._act(decision, headers, caller)
        except ClientGone:
            _log.info("the caller left before its body was complete", extra={"query_id": self._query_id})
        finally:
            reader.release()

    async def _act(self, decision: Decision, headers: Headers, caller: Caller) -> None:
        """Let a permitted call through; refuse every other."""
        if not isinstance(decision, Permit):
            await self._refuse(decision.reason, decision.message, decision.details, decision.quota)
        elif leads_to_authority(decision.target):
            await self._refuse(Reason.UNKNOWN_ROUTE)
        else:
            self._check_routing(decision.target)
            identity = identity_of(decision, caller, self._query_id)
            inner = self._inner_scope(visible_fields(headers, is_judged=True), caller)
            inner["state"] = {**self._scope.get("state", {}), "mandat": identity}
            if decision.quota is not None:
                self._quota = decision.quota
            if decision.body:
                inner["headers"] = _with_length(inner["headers"], len(decision.body))
            await self._app(inner, replaying(decision.body, self._receive), self._stamped_api)

    def _inner_scope(self, visible: Headers, caller: Caller) -> dict[str, Any]:
        """The scope for the application: as the caller really is, whatever its headers claimed."""
        inner = {**self._scope, "headers": visible}
        client = self._scope.get("client")
        if client is None or client[0] != caller.address:
            inner["client"] = (caller.address, 0)
        if caller.public_origin:
            inner["scheme"] = "https" if caller.public_origin.startswith("https:") else "http"
        return inner

    def _check_routing(self, target: CanonicalTarget) -> None:
        """What was judged must be what the application routes by.

        Raises:
            UnusableServer: something before this middleware has changed the path.
        """
        path: str = self._scope["path"]
        if path == target.path:
            return
        decoded = unquote_to_bytes(target.path)
        if decoded not in (path.encode(), (self._scope.get("root_path", "") + path).encode()):
            raise UnusableServer(
                "scope['path'] is not what raw_path says: something before Mandat's middleware rewrites paths."
                " Put Mandat's middleware first."
            )

    async def _answer_unjudged(self, method: bytes, headers: Headers, caller: Caller, now: int) -> None:
        """The time, pre-flight requests and open routes: nothing is judged, but the target must be canonical."""
        target = parse_target(self._target)
        is_open = self._guard.is_open(method, self._path)
        if isinstance(target, TargetFault):
            await self._refuse(Reason.NON_CANONICAL_TARGET, details={"reason": target.why})
        elif (method, self._path) in TIME_ROUTES:
            await self._answer(document(b"%d" % now, query_id=self._query_id))
        elif is_open:
            self._check_routing(target)
            inner = self._inner_scope(visible_fields(headers, is_judged=False), caller)
            await self._app(inner, self._receive, self._stamped)
        elif method == b"OPTIONS" and is_api_path(self._path):
            await self._answer(preflight(query_id=self._query_id))
        else:
            await self._refuse(Reason.UNKNOWN_ROUTE)

    async def _stamped(self, message: Message) -> None:
        """Send what the application answers to an open route, under our query id."""
        if message["type"] == "http.response.start":
            headers = [pair for pair in message.get("headers", ()) if pair[0].lower() != b"x-ovh-queryid"]
            message = {**message, "headers": [*headers, (b"x-ovh-queryid", self._query_id.encode())]}
        await self._send(message)

    async def _stamped_api(self, message: Message) -> None:
        """Send what the application answers to a judged call: no shared state in browsers, no cache, our query id."""
        if message["type"] == "http.response.start":
            headers = [(b"x-ovh-queryid", self._query_id.encode()), *_ADDED]
            has_cache_control = False
            for pair in message.get("headers", ()):
                name = _plain_names.get(pair[0]) or _learn_name(pair[0])
                if name is not _DROPPED:
                    headers.append(pair)
                    if name == b"cache-control":
                        has_cache_control = True
            if not has_cache_control:
                headers.append(_NO_CACHE)
            if self._quota is not None:
                headers += wire_fields(quota_fields(self._quota))
            message = {**message, "headers": headers}
        await self._send(message)

    async def _refuse(
        self,
        reason: Reason,
        message: str | None = None,
        details: dict[str, str] | None = None,
        quota: QuotaNotice | None = None,
    ) -> None:
        _log.info("refused", extra={"reason": reason.value, "query_id": self._query_id})
        await self._answer(
            refusal(
                reason,
                query_id=self._query_id,
                is_api=is_api_path(self._path),
                message=message,
                details=details,
                quota=quota,
            )
        )

    async def _answer(self, answer: Answer) -> None:
        await send_answer(answer, self._send, is_head=self._scope["method"] == "HEAD")


def _with_length(headers: Headers, size_bytes: int) -> Headers:
    kept = [pair for pair in headers if pair[0] not in (b"transfer-encoding", b"content-length")]
    return [*kept, (b"content-length", b"%d" % size_bytes)]


def _learn_name(name: bytes) -> bytes:
    """The name of an answer's field in lower case, or _DROPPED; remembered, as applications use few."""
    plain = name.lower()
    if plain in _ANSWER_DROPPED or plain.startswith(_ANSWER_DROPPED_PREFIXES):
        plain = _DROPPED
    if len(_plain_names) < _KNOWN_NAMES_MAX:
        _plain_names[name] = plain
    return plain


async def _no_body(max_bytes: int) -> bytes | Reason:
    return b""
