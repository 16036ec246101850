"""What the gateway answers itself: refusals in the wire's shape, the time, the key set, and pre-flight requests.

Each function gives the bytes of one whole answer. Why a call is refused is decided elsewhere.
Source: wire.md 5.2, 8 and 13; the words of a refusal are `mandat.protocol.refusals`.
"""

from http import HTTPStatus
from typing import Final

import msgspec

from mandat.core.call import QuotaNotice
from mandat.enforcement.gateway.headers import CORS_ANSWER, NO_CACHE, SANDBOX
from mandat.protocol.refusals import WORDINGS, Reason, refusal_fields

JSON: Final = b"application/json; charset=utf-8"
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_RETRY_AFTER_SECONDS: Final = {429: 10, 503: 1}
_STATUS_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_PREFLIGHT: Final = (
    b"Access-Control-Allow-Origin: *\r\n"
    b"Access-Control-Allow-Methods: GET, POST, PUT, DELETE\r\n"
    b"Access-Control-Allow-Headers: X-Ovh-Application, X-Ovh-Consumer, X-Ovh-Timestamp, X-Ovh-Signature, Content-Type, "
    b"Accept, Idempotency-Key, X-Pagination-Mode, X-Pagination-Number, X-Pagination-Size, X-Pagination-Cursor, "
    b"X-Pagination-Sort, X-Pagination-Sort-Order, X-Pagination-Filter, X-Schemas-Version\r\n"
    b"Access-Control-Max-Age: 600\r\n"
)
_encode = msgspec.json.Encoder().encode


def status_line(status: int) -> bytes:
    """The first line of an answer, with its end. The phrase is the registered one; unknown codes have none."""
    return _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status


def refusal(
    reason: Reason,
    *,
    query_id: str,
    is_api: bool,
    keeps_alive: bool,
    is_head: bool = False,
    message: str | None = None,
    details: dict[str, str] | None = None,
    quota: QuotaNotice | None = None,
) -> bytes:
    """The whole answer for a refused call. `is_head` leaves the body out and keeps its length."""
    status = WORDINGS[reason].status
    body = _encode(refusal_fields(reason, query_id=query_id, message=message, details=details))
    fields = quota_fields(quota)
    retry_after = (quota and quota.retry_after_seconds) or _RETRY_AFTER_SECONDS.get(status)
    if retry_after:
        fields += b"Retry-After: %d\r\n" % retry_after
    head = _head(status, query_id, is_api=is_api, keeps_alive=keeps_alive, fields=fields, length=len(body))
    return head if is_head else head + body


def quota_fields(quota: QuotaNotice | None) -> bytes:
    """The fields that tell about quotas, each line with its end; b"" when there is nothing to tell."""
    if quota is None:
        return b""
    return f"RateLimit-Policy: {quota.policy}\r\nRateLimit: {quota.limit}\r\n".encode()


def document(body: bytes, *, query_id: str, keeps_alive: bool, is_head: bool) -> bytes:
    """A 200 with a JSON body that the gateway knows and anybody may read: the time, the key set."""
    head = _head(200, query_id, is_api=True, keeps_alive=keeps_alive, fields=b"", length=len(body))
    return head if is_head else head + body


def preflight(*, query_id: str, keeps_alive: bool) -> bytes:
    """The answer to OPTIONS for any API path: it depends on nothing, so it tells nothing about accounts."""
    return _bare(query_id, _PREFLIGHT, keeps_alive=keeps_alive)


def allowed_methods(methods: list[str], *, query_id: str, keeps_alive: bool) -> bytes:
    """The answer to OPTIONS for a page: what it takes, and nothing about other origins."""
    return _bare(query_id, f"Allow: {', '.join([*methods, 'OPTIONS'])}\r\n".encode(), keeps_alive=keeps_alive)


def _bare(query_id: str, fields: bytes, *, keeps_alive: bool) -> bytes:
    return b"%bX-Ovh-QueryID: %b\r\n%bContent-Length: 0\r\n%b\r\n" % (
        status_line(200),
        query_id.encode(),
        fields,
        b"" if keeps_alive else b"Connection: close\r\n",
    )


def _head(status: int, query_id: str, *, is_api: bool, keeps_alive: bool, fields: bytes, length: int) -> bytes:
    return b"%bX-Ovh-QueryID: %b\r\nContent-Type: %b\r\n%b%b%b%bContent-Length: %d\r\n%b\r\n" % (
        status_line(status),
        query_id.encode(),
        JSON,
        NO_CACHE,
        SANDBOX,
        CORS_ANSWER if is_api else b"",
        fields,
        length,
        b"" if keeps_alive else b"Connection: close\r\n",
    )
