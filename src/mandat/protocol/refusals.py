"""The closed list of reasons a call is refused for, and what the wire says for each.

Two generations of error body are sent as one superset (wire.md 0.1): `class` and `message` for newer clients,
`errorCode` and `httpCode` for older ones. Messages that clients compare as text are kept to the letter (wire.md 13.2).
Which reason applies is decided elsewhere; this module only knows how a reason is said.
"""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a call was refused. The value is what logs and counters show; it never changes once released."""

    MALFORMED_REQUEST = "malformed_request"
    NON_CANONICAL_TARGET = "non_canonical_target"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    BATCH_NOT_SUPPORTED = "batch_not_supported"
    MISSING_APPLICATION = "missing_application"
    MISSING_CREDENTIAL = "missing_credential"
    MALFORMED_KEY = "malformed_key"
    QUERY_TIME_OUT = "query_time_out"
    TOO_MANY_FAILURES = "too_many_failures"
    INVALID_KEY = "invalid_key"
    NOT_CREDENTIAL = "not_credential"
    BODY_TOO_LARGE = "body_too_large"
    NO_BUFFER_LEFT = "no_buffer_left"
    INVALID_SIGNATURE = "invalid_signature"
    REPLAYED = "replayed"
    MALFORMED_BODY = "malformed_body"
    INVALID_CREDENTIAL = "invalid_credential"
    ADDRESS_NOT_ALLOWED = "address_not_allowed"
    NOT_GRANTED_CALL = "not_granted_call"
    QUOTA_EXCEEDED = "quota_exceeded"
    BAD_PARAMETER = "bad_parameter"
    FORBIDDEN = "forbidden"
    UNKNOWN_ROUTE = "unknown_route"
    UNKNOWN_OBJECT = "unknown_object"
    CONFLICT = "conflict"
    TOO_MANY_REQUESTS = "too_many_requests"
    INTERNAL_ERROR = "internal_error"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    UPSTREAM_UNREACHABLE = "upstream_unreachable"
    UPSTREAM_TIMED_OUT = "upstream_timed_out"


@dataclass(frozen=True, slots=True)
class Wording:
    """How one reason is said on the wire. `message` is the default; a surface may say something more precise."""

    status: int
    error_class: str
    error_code: str
    message: str


_BAD = "Client::BadRequest"
_LOGIN = "Client::Unauthorized"
_NO = "Client::Forbidden"

WORDINGS: dict[Reason, Wording] = {
    Reason.MALFORMED_REQUEST: Wording(400, _BAD, "BAD_REQUEST", "This request is malformed"),
    Reason.NON_CANONICAL_TARGET: Wording(400, _BAD, "INVALID_URL", "Got an invalid (or empty) URL"),
    Reason.METHOD_NOT_ALLOWED: Wording(400, _BAD, "INVALID_METHOD", "This method is not supported"),
    Reason.BATCH_NOT_SUPPORTED: Wording(400, _BAD, "BATCH_NOT_SUPPORTED", "Batch calls are not supported"),
    Reason.MISSING_APPLICATION: Wording(
        401, _LOGIN, "MISSING_CREDENTIAL", "You must send your application key to request new credentials"
    ),
    Reason.MISSING_CREDENTIAL: Wording(401, _LOGIN, "MISSING_CREDENTIAL", "You must login first"),
    Reason.MALFORMED_KEY: Wording(400, _BAD, "INVALID_SIGNATURE", "Invalid signature"),
    Reason.QUERY_TIME_OUT: Wording(400, _BAD, "QUERY_TIME_OUT", "Query out of time"),
    Reason.TOO_MANY_FAILURES: Wording(
        429, "Client::TooManyRequests", "TOO_MANY_FAILURES", "Too many failed calls from this address"
    ),
    Reason.INVALID_KEY: Wording(403, _NO, "INVALID_KEY", "This application key is invalid"),
    Reason.NOT_CREDENTIAL: Wording(403, _NO, "NOT_CREDENTIAL", "This credential does not exist"),
    Reason.BODY_TOO_LARGE: Wording(413, "Client::RequestEntityTooLarge", "BODY_TOO_LARGE", "This body is too large"),
    Reason.NO_BUFFER_LEFT: Wording(
        503, "Server::ServiceUnavailable", "OVERLOADED", "Too much is being received at once, try again shortly"
    ),
    Reason.INVALID_SIGNATURE: Wording(400, _BAD, "INVALID_SIGNATURE", "Invalid signature"),
    Reason.REPLAYED: Wording(400, _BAD, "INVALID_SIGNATURE", "Invalid signature"),
    Reason.MALFORMED_BODY: Wording(400, _BAD, "INVALID_BODY", "This body is not one JSON value in UTF-8"),
    Reason.INVALID_CREDENTIAL: Wording(403, _NO, "INVALID_CREDENTIAL", "This credential is not valid"),
    Reason.ADDRESS_NOT_ALLOWED: Wording(403, _NO, "FORBIDDEN", "This credential may not be used from this address"),
    Reason.NOT_GRANTED_CALL: Wording(403, _NO, "NOT_GRANTED_CALL", "This call has not been granted"),
    Reason.QUOTA_EXCEEDED: Wording(429, "Client::TooManyRequests", "QUOTA_EXCEEDED", "Too many calls"),
    Reason.BAD_PARAMETER: Wording(400, _BAD, "BAD_PARAMETER", "A parameter is not valid"),
    Reason.FORBIDDEN: Wording(403, _NO, "FORBIDDEN", "This is not allowed"),
    Reason.UNKNOWN_ROUTE: Wording(404, "Client::NotFound", "INVALID_URL", "Got an invalid (or empty) URL"),
    Reason.UNKNOWN_OBJECT: Wording(404, "Client::NotFound", "NOT_FOUND", "This service does not exist"),
    Reason.CONFLICT: Wording(409, "Client::Conflict", "CONFLICT", "This is in conflict with what exists"),
    Reason.TOO_MANY_REQUESTS: Wording(
        429, "Client::TooManyRequests", "TOO_MANY_REQUESTS", "Too many permission requests are waiting for an answer"
    ),
    Reason.INTERNAL_ERROR: Wording(500, "Server::InternalServerError", "INTERNAL_ERROR", "Internal error"),
    Reason.STORAGE_UNAVAILABLE: Wording(
        503, "Server::ServiceUnavailable", "SERVICE_UNAVAILABLE", "Storage does not answer, try again shortly"
    ),
    Reason.UPSTREAM_UNREACHABLE: Wording(502, "Server::BadGateway", "UPSTREAM_UNREACHABLE", "The API did not answer"),
    Reason.UPSTREAM_TIMED_OUT: Wording(
        504, "Server::GatewayTimeout", "UPSTREAM_TIMED_OUT", "The API did not answer in time"
    ),
}


def refusal_fields(
    reason: Reason,
    *,
    query_id: str | None = None,
    message: str | None = None,
    details: dict[str, str] | None = None,
) -> dict[str, object]:
    """The members of the error body for `reason`, ready for any JSON encoder.

    Args:
        reason: why the call is refused.
        query_id: the id of this exchange, when one was given.
        message: text to say instead of the reason's own; must be safe to show to the caller.
        details: flat text to text; go-ovh cannot decode anything else (wire.md 5.2).

    Returns:
        `class`, `message`, `errorCode`, `httpCode` (text such as "403 Forbidden"), and `queryId` and `details` when
        given. Never a member named `code`: go-ovh would read it as a number.
    """
    wording = WORDINGS[reason]
    fields: dict[str, object] = {
        "class": wording.error_class,
        "message": message or wording.message,
        "errorCode": wording.error_code,
        "httpCode": f"{wording.status} {_PHRASES[wording.status]}",
    }
    if query_id is not None:
        fields["queryId"] = query_id
    if details:
        fields["details"] = details
    return fields


_PHRASES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    413: "Request Entity Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
