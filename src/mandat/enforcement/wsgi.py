"""The door inside a WSGI server: judges each call and lets the permitted ones through to the application.

WSGI hands on decoded paths, so the target as sent is taken from REQUEST_URI or RAW_URI where the server gives it. Where
it does not, only targets that can have been sent in one plain spelling are judged; the signature proves the guess, and
everything else is refused. The decision lives on a loop in a thread of its own; request threads ask it and read bodies
themselves. Imports no framework. Source: PEP 3333, design.md 2 to 5; docs/guide/middleware.md lists what differs.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from http import HTTPStatus
from io import BytesIO
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from mandat.core.call import QuotaNotice
from mandat.core.decision import Permit
from mandat.enforcement.doors.guard import TIME_ROUTES, Guard, call_head, identity_of, leads_to_authority
from mandat.enforcement.doors.heads import Framing, UnusableServer, split_repeated, visible_fields
from mandat.enforcement.doors.loop_thread import Asked, LoopThread
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
from mandat.protocol.refusals import Reason
from mandat.protocol.target import CanonicalTarget, TargetFault, parse_target

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

IDENTITY_KEYS: Final = {
    "mandat.account": "account",
    "mandat.application": "application",
    "mandat.credential": "credential",
    "mandat.caller_address": "address",
    "mandat.query_id": "query_id",
}
"""Where the application finds the fields of an `Identity`."""

_PROTOCOLS: Final = ("HTTP/1.1", "HTTP/1.0", "HTTP/2", "HTTP/2.0", "HTTP/3")

_RAW_KEYS: Final = ("REQUEST_URI", "RAW_URI")
_is_plain = re.compile(rb"/[A-Za-z0-9\-._~!$&'()*+,=:@/]*").fullmatch
_ANSWER_DROPPED: Final = frozenset(name.lower() for name in DROPPED_ANSWERS)
_READ_BYTES: Final = 65_536
_log = logging.getLogger("mandat.enforcement.wsgi")


class WsgiDoor:
    """WSGI middleware around `app`. Thread-safe; a process that forks after the first call starts anew."""

    def __init__(self, app: Application, make_guard: Callable[[], Guard | Awaitable[Guard]]) -> None:
        """
        Args:
            app: what permitted calls and open routes reach.
            make_guard: makes the guard; called on the thread where it will live, once for each process.
        """
        self._app = app
        self._decider = LoopThread(make_guard)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request.

        Raises:
            UnusableServer: something before this middleware has changed the path. The caller gets the server's 500.
        """
        return _Exchange(self._app, self._decider, environ, start_response).run()


class _Exchange:
    """One request and its answer."""

    def __init__(self, app: Application, decider: LoopThread, environ: Environ, start_response: StartResponse) -> None:
        self._app = app
        self._decider = decider
        self._environ = environ
        self._start_response = start_response
        self._target = _raw_target(environ)
        self._path = (self._target or b"").partition(b"?")[0]
        self._is_api = is_api_path(self._path)
        self._query_id = ""
        self._quota: QuotaNotice | None = None

    def run(self) -> Iterable[bytes]:
        """The body of the answer; the head has been given to the server, or will be by the application."""
        guard = self._decider.guard()
        now = guard.clock()
        self._query_id = guard.new_query_id(now)
        if self._target is None:
            why = "cannot be known as it was sent, because this server passes only decoded paths"
            return self._refuse(Reason.NON_CANONICAL_TARGET, details={"reason": why})
        headers = _fields(self._environ)
        who = guard.identify(self._environ.get("REMOTE_ADDR") or None, headers)
        if self._environ.get("SERVER_PROTOCOL", _PROTOCOLS[0]) not in _PROTOCOLS:
            who = FramingFault("not a version of HTTP that is known here")
        if isinstance(who, FramingFault):
            return self._refuse(Reason.MALFORMED_REQUEST, details={"reason": who.why})
        caller, framing = who
        method = str(self._environ["REQUEST_METHOD"]).encode("latin-1")
        if guard.is_unjudged(method, self._path):
            return self._answer_unjudged(guard, method, caller, int(now))
        return self._judge(method, headers, caller, framing)

    def _judge(self, method: bytes, headers: Headers, caller: Caller, framing: Framing) -> Iterable[bytes]:
        assert self._target is not None
        asked = self._decider.judge(call_head(method, self._target, headers, caller), framing.body_bytes)
        served: Iterable[bytes] | None = None
        try:
            while (wanted := asked.wanted_bytes()) is not None:
                asked.give(_read_body(self._environ, framing.body_bytes, wanted))
            decision = asked.decision()
            if not isinstance(decision, Permit):
                return self._refuse(decision.reason, decision.message, decision.details, decision.quota)
            if leads_to_authority(decision.target):
                return self._refuse(Reason.UNKNOWN_ROUTE)
            served = _Releasing(self._serve(decision, headers, caller), asked)
            return served
        finally:
            if served is None:
                asked.release()

    def _serve(self, permit: Permit, headers: Headers, caller: Caller) -> Iterable[bytes]:
        """Have the application answer a permitted call, of which it sees what was judged."""
        self._check_routing(permit.target)
        self._quota = permit.quota
        inner = self._inner_environ(headers, caller, is_judged=True)
        identity = identity_of(permit, caller, self._query_id)
        inner.update({key: getattr(identity, name) for key, name in IDENTITY_KEYS.items()})
        inner.pop("HTTP_TRANSFER_ENCODING", None)
        inner["wsgi.input"] = BytesIO(permit.body)
        inner["CONTENT_LENGTH"] = str(len(permit.body))
        return self._app(inner, self._stamped_api)

    def _inner_environ(self, headers: Headers, caller: Caller, *, is_judged: bool) -> Environ:
        """The environment for the application: as the caller really is, whatever its headers claimed."""
        visible = {name for name, _ in visible_fields(headers, is_judged=is_judged)}
        inner = {
            key: value
            for key, value in self._environ.items()
            if not key.startswith("HTTP_") or _field_name(key) in visible
        }
        inner["REMOTE_ADDR"] = caller.address
        inner.pop("REMOTE_HOST", None)
        if caller.public_origin:
            inner["wsgi.url_scheme"] = caller.public_origin.partition(":")[0]
        return inner

    def _check_routing(self, target: CanonicalTarget) -> None:
        """What was judged must be what the application routes by.

        Raises:
            UnusableServer: something before this middleware has changed the path or the query.
        """
        path = (self._environ.get("SCRIPT_NAME", "") + self._environ.get("PATH_INFO", "")).encode("latin-1")
        if path != unquote_to_bytes(target.path) or self._environ.get("QUERY_STRING", "") != target.query:
            raise UnusableServer(
                "PATH_INFO is not what the request's URI says: something before Mandat's middleware rewrites paths."
                " Put Mandat's middleware first."
            )

    def _answer_unjudged(self, guard: Guard, method: bytes, caller: Caller, now: int) -> Iterable[bytes]:
        """The time, pre-flight requests and open routes: nothing is judged, but the target must be canonical."""
        assert self._target is not None
        target = parse_target(self._target)
        if isinstance(target, TargetFault):
            return self._refuse(Reason.NON_CANONICAL_TARGET, details={"reason": target.why})
        if (method, self._path) in TIME_ROUTES:
            return self._answer(document(b"%d" % now, query_id=self._query_id))
        if guard.is_open(method, self._path):
            self._check_routing(target)
            inner = self._inner_environ(_fields(self._environ), caller, is_judged=False)
            return self._app(inner, self._stamped)
        if self._is_api:
            return self._answer(preflight(query_id=self._query_id))
        return self._refuse(Reason.UNKNOWN_ROUTE)

    def _stamped(self, status: str, headers: list[tuple[str, str]], *exc: Any) -> Callable[[bytes], object]:
        """Start what the application answers to an open route, under our query id."""
        kept = [pair for pair in headers if pair[0].lower() != "x-ovh-queryid"]
        return self._start_response(status, [*kept, ("X-Ovh-QueryID", self._query_id)], *exc)

    def _stamped_api(self, status: str, headers: list[tuple[str, str]], *exc: Any) -> Callable[[bytes], object]:
        """Start what the application answers to a judged call: no shared state in browsers, no cache, our query id."""
        kept = [("X-Ovh-QueryID", self._query_id), *CORS_FIELDS, *SANDBOX, *quota_fields(self._quota)]
        for name, value in headers:
            plain = name.lower()
            if plain not in _ANSWER_DROPPED and not plain.startswith(DROPPED_ANSWER_PREFIXES):
                kept.append((name, value))
        if not any(name.lower() == "cache-control" for name, _ in kept):
            kept.append(NO_CACHE)
        return self._start_response(status, kept, *exc)

    def _refuse(
        self,
        reason: Reason,
        message: str | None = None,
        details: dict[str, str] | None = None,
        quota: QuotaNotice | None = None,
    ) -> Iterable[bytes]:
        _log.info("refused", extra={"reason": reason.value, "query_id": self._query_id})
        return self._answer(
            refusal(reason, query_id=self._query_id, is_api=self._is_api, message=message, details=details, quota=quota)
        )

    def _answer(self, answer: Answer) -> Iterable[bytes]:
        status = HTTPStatus(answer.status)
        self._start_response(
            f"{status.value} {status.phrase}", [*answer.fields, ("Content-Length", str(len(answer.body)))]
        )
        return [] if self._environ["REQUEST_METHOD"] == "HEAD" else [answer.body]


class _Releasing:
    """The application's answer; when the server closes it, the body's share of the budget is given back."""

    def __init__(self, inner: Iterable[bytes], asked: Asked) -> None:
        self._inner = inner
        self._asked = asked

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._inner)

    def close(self) -> None:
        """See PEP 3333."""
        try:
            close = getattr(self._inner, "close", None)
            if close is not None:
                close()
        finally:
            self._asked.release()


def _raw_target(environ: Environ) -> bytes | None:
    """The target as it was sent. None: the server decoded it, and it can have been spelled in more than one way."""
    for key in _RAW_KEYS:
        if key in environ:
            return str(environ[key]).encode("latin-1", "replace")
    path = (environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")).encode("latin-1")
    if not _is_plain(path):
        return None
    query = environ.get("QUERY_STRING", "").encode("latin-1")
    return bytes(path + b"?" + query if query else path)


def _field_name(key: str) -> bytes:
    return key[5:].replace("_", "-").lower().encode("latin-1")


def _fields(environ: Environ) -> Headers:
    """The header fields, as far as the server passed them."""
    fields: Headers = []
    for key, value in environ.items():
        if key.startswith("HTTP_"):
            name, raw = _field_name(key), str(value).encode("latin-1", "replace").strip(b" \t")
            fields.append((name, raw))
    length = environ.get("CONTENT_LENGTH")
    # PEP 3333: it may be empty or absent. Servers that decode chunks leave the coding there and end the input.
    if length not in (None, "") and "HTTP_CONTENT_LENGTH" not in environ:
        fields.append((b"content-length", str(length).encode("latin-1", "replace")))
    if environ.get("CONTENT_TYPE"):
        fields.append((b"content-type", str(environ["CONTENT_TYPE"]).encode("latin-1", "replace")))
    return split_repeated(fields)


def _read_body(environ: Environ, announced_bytes: int | None, max_bytes: int) -> bytes | Reason:
    """The whole body, read in the request's own thread."""
    if announced_bytes is None and not environ.get("wsgi.input_terminated"):
        return Reason.MALFORMED_REQUEST
    stream = environ["wsgi.input"]
    parts: list[bytes] = []
    left = max_bytes + 1 if announced_bytes is None else announced_bytes
    while left > 0:
        part: bytes = stream.read(min(left, _READ_BYTES))
        if not part:
            break
        parts.append(part)
        left -= len(part)
    if announced_bytes is None:
        return b"".join(parts) if left > 0 else Reason.BODY_TOO_LARGE
    return Reason.MALFORMED_REQUEST if left else b"".join(parts)
