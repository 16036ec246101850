"""Words a refusal, the time and pre-flight answers for doors that speak through another server.

A refusal is the same JSON as the gateway's (wire.md 5.2); only how it is handed to the server differs. Which reason
applies is decided elsewhere.
"""

from typing import Final, NamedTuple

import msgspec

from mandat.core.call import QuotaNotice
from mandat.protocol.refusals import WORDINGS, Reason, refusal_fields

JSON: Final = "application/json; charset=utf-8"
RETRY_AFTER_SECONDS: Final = {429: 10, 503: 1}
CORS_FIELDS: Final = (
    ("Access-Control-Allow-Origin", "*"),
    (
        "Access-Control-Expose-Headers",
        "X-Ovh-QueryID, X-Pagination-Elements, X-Pagination-Cursor-Next, Retry-After, RateLimit-Policy, RateLimit",
    ),
)
PREFLIGHT_FIELDS: Final = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE"),
    (
        "Access-Control-Allow-Headers",
        "X-Ovh-Application, X-Ovh-Consumer, X-Ovh-Timestamp, X-Ovh-Signature, Content-Type, Accept, Idempotency-Key,"
        " X-Pagination-Mode, X-Pagination-Number, X-Pagination-Size, X-Pagination-Cursor, X-Pagination-Sort,"
        " X-Pagination-Sort-Order, X-Pagination-Filter, X-Schemas-Version",
    ),
    ("Access-Control-Max-Age", "600"),
)
SANDBOX: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox"),
)
"""An answer of an API opened in a browser must not run as a page of the same origin (design.md 7)."""

DROPPED_ANSWERS: Final = (
    "Set-Cookie",
    "Set-Cookie2",
    "Clear-Site-Data",
    "Service-Worker-Allowed",
    "Strict-Transport-Security",
    "Alt-Svc",
    "NEL",
    "Report-To",
    "Reporting-Endpoints",
    "Content-Security-Policy-Report-Only",
    "X-Ovh-QueryID",
    *(name for name, _ in SANDBOX),
)
"""What the answer to a judged call may not say: state in the browser for an origin that pages share, and what the door
says itself."""

DROPPED_ANSWER_PREFIXES: Final = ("access-control-", "x-mandat-")
NO_CACHE: Final = ("Cache-Control", "no-cache, no-store")
_encode = msgspec.json.Encoder().encode


class Answer(NamedTuple):
    """A whole answer of the door's own. Framing is the server's."""

    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes


def refusal(
    reason: Reason,
    *,
    query_id: str,
    is_api: bool,
    message: str | None = None,
    details: dict[str, str] | None = None,
    quota: QuotaNotice | None = None,
) -> Answer:
    """The answer to a refused call. `is_api` opens it to scripts of any origin, as every answer of the API is."""
    status = WORDINGS[reason].status
    body = _encode(refusal_fields(reason, query_id=query_id, message=message, details=details))
    fields: list[tuple[str, str]] = [("X-Ovh-QueryID", query_id), ("Content-Type", JSON), NO_CACHE, *SANDBOX]
    if is_api:
        fields += CORS_FIELDS
    fields += quota_fields(quota)
    retry_after = (quota and quota.retry_after_seconds) or RETRY_AFTER_SECONDS.get(status)
    if retry_after:
        fields.append(("Retry-After", str(retry_after)))
    return Answer(status, tuple(fields), body)


def quota_fields(quota: QuotaNotice | None) -> tuple[tuple[str, str], ...]:
    """The fields that tell about quotas; none when there is nothing to tell."""
    return () if quota is None else (("RateLimit-Policy", quota.policy), ("RateLimit", quota.limit))


def document(body: bytes, *, query_id: str) -> Answer:
    """A 200 with JSON that anybody may read: the time."""
    fields = (("X-Ovh-QueryID", query_id), ("Content-Type", JSON), NO_CACHE, *SANDBOX, *CORS_FIELDS)
    return Answer(200, fields, body)


def preflight(*, query_id: str) -> Answer:
    """The answer to OPTIONS for any API path: it depends on nothing, so it tells nothing about accounts."""
    return Answer(200, (("X-Ovh-QueryID", query_id), *PREFLIGHT_FIELDS), b"")
