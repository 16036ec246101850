"""Calls that no other vector has: header aliases, spoofed fields, bodies, methods, framing."""

from doors.table import MARK, Case, Outcome

PERMIT = Outcome.of("permit")
MALFORMED = Outcome.of("malformed_request")
MISSING = Outcome.of("missing_credential")

ALL_FOUR = ["x-ovh-application", "x-ovh-consumer", "x-ovh-timestamp", "x-ovh-signature"]
SPOOFED = (
    "X-Mandat-Account", "X-Mandat-Application", "X-Mandat-Credential", "X-Mandat-Assertion", "X-Mandat-Caller-Address",
    "X-Mandat-Public-Origin", "X-Ovh-QueryID", "X-Ovh-Session", "X-Original-URL", "X-Original-URI", "X-Original-Method",
    "X-Original-Host", "X-Original-Body", "X-Rewrite-URL", "X-HTTP-Method-Override", "X-HTTP-Method",
    "X-Method-Override", "X-Forwarded-Uri", "X-Forwarded-Method", "X-Forwarded-Prefix", "X-Real-IP", "X-Client-IP",
    "True-Client-IP", "X-Remote-User", "Remote-User", "Forwarded", "Cookie", "Authorization", "Proxy-Authorization",
)  # fmt: skip
ALIASES = (
    "X_Mandat_Account", "X.Mandat.Account", "X-Mandat_Account", "X_Ovh_Consumer", "X.Ovh.Consumer", "X-Ovh_Signature",
    "X-Ovh.Application", "X_Original_Method", "X_Forwarded_Method",
)  # fmt: skip


def own_cases() -> list[Case]:
    """The cases of this module."""
    return [*_fields(), *_bodies(), *_methods(), *_framing(), *_origins(), *_rights()]


def _fields() -> list[Case]:
    made = [Case(f"field: a caller's own {name}", PERMIT, fields=[(name, MARK)]) for name in SPOOFED]
    made += [Case(f"field: the alias {name}", PERMIT, fields=[(name, MARK)]) for name in ALIASES]
    for plain in ("x-ovh-application", "x-ovh-consumer", "x-ovh-timestamp", "x-ovh-signature"):
        for alias in (plain.replace("-", "_"), plain.replace("-", ".")):
            value = {"x-ovh-timestamp": "1700000000"}.get(plain, "MtSwSrPpNjqfVSmJhLbPyr2i45lSwPU1")
            made.append(Case(f"field: {alias} instead of {plain}", MISSING, without=[plain], fields=[(alias, value)]))
    made += [
        Case("field: names in another case", PERMIT, fields=[("ACCEPT", "*/*")]),
        Case("field: blanks around values", PERMIT, fields=[("Accept", "  */*  ")]),
        Case(
            "field: an X-Forwarded-For that names an allowed address",
            Outcome.of("address_not_allowed"),
            fields=[("X-Forwarded-For", "203.0.113.9")],
            grant={"allowed_networks": ["203.0.113.0/24"]},
        ),
        Case("field: an allowed address", PERMIT, grant={"allowed_networks": ["127.0.0.2/32"]}),
        Case(
            "field: an address beside the allowed one",
            Outcome.of("address_not_allowed"),
            grant={"allowed_networks": ["127.0.0.3/32"]},
        ),
        Case(
            "field: an X-Forwarded-Host and -Proto that were signed",
            Outcome.of("invalid_signature"),
            fields=[("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "https")],
            signed={"base_url": "https://evil.example"},
        ),
        Case("field: a Connection that names the signature", MALFORMED, fields=[("Connection", "X-Ovh-Signature")]),
        Case("field: a Connection that names the account", MALFORMED, fields=[("Connection", "x-mandat-account")]),
        Case("field: a Connection that names the forwarding", MALFORMED, fields=[("Connection", "X-Forwarded-For")]),
        Case("field: a Connection that names nothing of ours", PERMIT, fields=[("Connection", "close, X-Custom")]),
        Case("field: an Idempotency-Key", PERMIT, method="POST", body=b"{}", fields=[("Idempotency-Key", "a-b-c")]),
        Case("field: an empty batch separator", Outcome.of("batch_not_supported"), fields=[("X-Ovh-Batch", "")]),
    ]
    return made


def _bodies() -> list[Case]:
    long = b'{"a":"' + b"x" * 100_000 + b'"}'
    chunked = [("Transfer-Encoding", "chunked")]

    def in_chunks(body: bytes, size: int) -> bytes:
        pieces = [body[begin : begin + size] for begin in range(0, len(body), size)]
        return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"

    return [
        Case("sent: a PUT with a body", PERMIT, method="PUT", body=b'{"a":1}'),
        Case("sent: a DELETE with a body", PERMIT, method="DELETE", body=b"{}"),
        Case("sent: a DELETE with an announced empty body", PERMIT, method="DELETE", length="0"),
        Case("sent: a GET with an announced empty body", PERMIT, length="0"),
        Case("sent: a GET with a body", PERMIT, body=b'{"fieldType":"TXT"}'),
        Case("sent: a HEAD", PERMIT, method="HEAD"),
        Case("sent: a POST without a body", PERMIT, method="POST"),
        Case("sent: a POST with an announced empty body", PERMIT, method="POST", length="0"),
        Case("sent: a body of 100 kB", PERMIT, method="POST", body=long),
        Case("sent: a body at the limit", PERMIT, method="POST", body=b'"' + b"x" * (1_048_576 - 2) + b'"'),
        Case(
            "sent: a body over the limit",
            Outcome.of("body_too_large"),
            method="POST",
            body=b'"' + b"x" * (1_048_576 - 1) + b'"',
        ),
        Case("sent: chunks", PERMIT, method="POST", body=b'{"a":1}', raw_body=in_chunks(b'{"a":1}', 3), fields=chunked),
        Case("sent: many chunks", PERMIT, method="POST", body=long, raw_body=in_chunks(long, 4_099), fields=chunked),
        Case("sent: chunks on a GET", PERMIT, body=b"{}", raw_body=in_chunks(b"{}", 2), fields=chunked),
        Case("sent: no chunk at all", PERMIT, method="POST", raw_body=b"0\r\n\r\n", fields=chunked),
        Case(
            "sent: chunks that were not signed",
            Outcome.of("invalid_signature"),
            method="POST",
            raw_body=in_chunks(b"{}", 2),
            fields=chunked,
        ),
        Case(
            "sent: a body that was not signed",
            Outcome.of("invalid_signature"),
            method="POST",
            raw_body=b"{}",
            length="2",
        ),
        Case(
            "sent: a GET with a body that was not signed", Outcome.of("invalid_signature"), raw_body=b"{}", length="2"
        ),
        Case(
            "sent: a DELETE with a body that was not signed",
            Outcome.of("invalid_signature"),
            method="DELETE",
            raw_body=b"{}",
            length="2",
        ),
        Case(
            "sent: no body where one was signed",
            Outcome.of("invalid_signature"),
            method="POST",
            body=b"{}",
            raw_body=b"",
        ),
        Case(
            "sent: a compressed body",
            Outcome.of("malformed_body"),
            method="POST",
            body=b"{}",
            fields=[("Content-Encoding", "gzip")],
        ),
        Case("sent: another media type", PERMIT, method="POST", body=b"{}", fields=[("Content-Type", "text/plain")]),
    ]


def _methods() -> list[Case]:
    unknown = Outcome.of("method_not_allowed")
    made = [Case(f"method: {method}", unknown, method=method) for method in ("PATCH", "PROPFIND", "SEARCH")]
    made += [Case(f"method: {method}", MALFORMED, method=method) for method in ("BREW", "get", "Get", "G-T")]
    made.append(Case("method: TRACE", unknown, method="TRACE"))
    made.append(Case("method: OPTIONS on a path of the API", Outcome(status=200), method="OPTIONS"))
    made.append(Case("method: OPTIONS elsewhere", Outcome.of("unknown_route"), method="OPTIONS", target="/login"))
    made.append(Case("method: GET of the time", Outcome(status=200), target="/1.0/auth/time", without=ALL_FOUR))
    made.append(Case("method: POST of the time", MISSING, method="POST", target="/1.0/auth/time", without=ALL_FOUR))
    return made


def _framing() -> list[Case]:
    def bad(name: str, **changes: object) -> Case:
        return Case(f"framing: {name}", MALFORMED, **changes)  # type: ignore[arg-type]

    chunked = ("Transfer-Encoding", "chunked")
    return [
        bad("no Host", host=None),
        bad("two Hosts", fields=[("Host", "api.example")]),
        bad("two different Hosts", fields=[("Host", "evil.example")]),
        bad("an empty Host", host=""),
        bad("a length and chunks", method="POST", fields=[chunked], length="5", raw_body=b"0\r\n\r\n"),
        bad("chunks and a length", method="POST", fields=[chunked, ("Content-Length", "5")], raw_body=b"0\r\n\r\n"),
        bad("chunked twice", method="POST", fields=[chunked, chunked], raw_body=b"0\r\n\r\n"),
        bad("gzip, chunked", method="POST", fields=[("Transfer-Encoding", "gzip, chunked")], raw_body=b"0\r\n\r\n"),
        bad("identity", method="POST", fields=[("Transfer-Encoding", "identity")], raw_body=b"0\r\n\r\n"),
        bad("xchunked", method="POST", fields=[("Transfer-Encoding", "xchunked")], raw_body=b"0\r\n\r\n"),
        bad("chunked under an alias", method="POST", fields=[("Transfer-Encoding ", "chunked")], raw_body=b"0\r\n\r\n"),
        bad("two lengths", method="POST", fields=[("Content-Length", "2")], length="2", raw_body=b"{}"),
        bad("two different lengths", method="POST", fields=[("Content-Length", "7")], length="2", raw_body=b"{}"),
        bad("a list of lengths", method="POST", length="2, 2", raw_body=b"{}"),
        bad("a length with a sign", method="POST", length="+2", raw_body=b"{}"),
        bad("a negative length", method="POST", length="-1", raw_body=b"{}"),
        bad("a length in hex", method="POST", length="0x2", raw_body=b"{}"),
        bad("a length beyond all integers", method="POST", length="9" * 40, raw_body=b"{}"),
        bad("a folded field", fields=[("X-A", "a\r\n b")]),
        bad("a NUL in a field", fields=[("X-A", "a\0b")]),
        bad("a control in a field", fields=[("X-A", "a\x01b")]),
        bad("a field without a name", fields=[("", "x")]),
        bad("a blank in a field's name", fields=[("X A", "x")]),
        bad("an Upgrade to websocket", fields=[("Connection", "Upgrade"), ("Upgrade", "websocket")]),
        bad("an Upgrade to h2c", fields=[("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c")]),
        bad("an Expect of something else", method="POST", body=b"{}", fields=[("Expect", "200-maybe")]),
        bad("a chunk with a bare LF", method="POST", fields=[chunked], raw_body=b"2\n{}\r\n0\r\n\r\n"),
        bad("a chunk that is longer than said", method="POST", fields=[chunked], raw_body=b"2\r\n{} \r\n0\r\n\r\n"),
        bad("a trailer", method="POST", body=b"{}", fields=[chunked], raw_body=b"2\r\n{}\r\n0\r\nX-A: b\r\n\r\n"),
        bad("HTTP/1.2", line="GET /1.0/me HTTP/1.2"),
        bad("HTTP/2.0", line="GET /1.0/me HTTP/2.0"),
        bad("two blanks in the request line", line="GET  /1.0/me HTTP/1.1"),
        bad("a tab in the request line", line="GET\t/1.0/me HTTP/1.1"),
        bad("a lower-case version", line="GET /1.0/me http/1.1"),
        bad("CONNECT", line="CONNECT api.example:443 HTTP/1.1"),
        bad("more than 64 fields", fields=[("X-A", "b")] * 64),
        bad("a head over 16 KiB", fields=[("X-A", "b" * 17_000)]),
    ]


def _origins() -> list[Case]:
    wrong = Outcome.of("invalid_signature")
    return [
        Case("origin: the second public address", PERMIT, signed={"base_url": "http://127.0.0.1:8700"}),
        Case("origin: the second one without its port", PERMIT, signed={"base_url": "http://127.0.0.1"}),
        Case("origin: another Host, but signed for ours", PERMIT, host="other.example"),
        Case(
            "origin: another Host, signed for it",
            wrong,
            host="evil.example",
            signed={"base_url": "https://evil.example"},
        ),
        Case("origin: http instead of https", wrong, signed={"base_url": "http://api.example"}),
        Case("origin: a port that is not ours", wrong, signed={"base_url": "https://api.example:8443"}),
        Case("origin: user information in front", wrong, signed={"base_url": "https://a@api.example"}),
    ]


def _rights() -> list[Case]:
    narrow = ("GET /domain/zone/*", "POST /domain/zone/example.org/record", "GET /me")
    no = Outcome.of("not_granted_call")

    def call(name: str, expect: Outcome, target: str, method: str = "GET") -> Case:
        return Case(f"right: {name}", expect, method=method, target=target, rules=narrow)

    return [
        call("an exact rule", PERMIT, "/1.0/me"),
        call("its alias", PERMIT, "/v1/me"),
        call("a slash after it", no, "/1.0/me/"),
        call("another case", no, "/1.0/ME"),
        call("a longer name", no, "/1.0/mee"),
        call("below it", no, "/1.0/me/api/credential"),
        call("a star", PERMIT, "/1.0/domain/zone/a/record/1"),
        call("a star and a query", PERMIT, "/1.0/domain/zone/a?b=/../c"),
        call("a star over nothing", PERMIT, "/1.0/domain/zone/"),
        call("before the star", no, "/1.0/domain/zone"),
        call("out of the star", no, "/1.0/domain"),
        call("another method", no, "/1.0/domain/zone/a", "DELETE"),
        call("a write that is granted", PERMIT, "/1.0/domain/zone/example.org/record", "POST"),
        call("a write beside it", no, "/1.0/domain/zone/example.com/record", "POST"),
        call("the second version", no, "/v2/me"),
        call("HEAD where GET is granted", PERMIT, "/1.0/me", "HEAD"),
        call("HEAD where only POST is granted", no, "/1.0/domain/zonex", "HEAD"),
        Case(
            "right: an authority's route", Outcome.of("not_granted_call"), target="/1.0/me/api/credential", rules=narrow
        ),
    ]
