"""From an error answer to the exception it means, for both generations of error body.

The older generation says `errorCode`, the newer `class` and a text (wire.md 0.1). The code decides when there is one;
otherwise the few texts that are known to be stable, together with the status; otherwise the status alone.
"""

import json
from collections.abc import Mapping

from mandat.client import errors
from mandat.client.errors import ApiFault, ErrorAnswer

_BY_CODE: dict[str, type[ApiFault]] = {
    "BAD_REQUEST": errors.MalformedRequest,
    "INVALID_METHOD": errors.MethodNotSupported,
    "BATCH_NOT_SUPPORTED": errors.BatchNotSupported,
    "MISSING_CREDENTIAL": errors.MissingCredential,
    "INVALID_SIGNATURE": errors.InvalidSignature,
    "QUERY_TIME_OUT": errors.QueryTimeOut,
    "TOO_MANY_FAILURES": errors.TooManyFailures,
    "INVALID_KEY": errors.InvalidKey,
    "NOT_CREDENTIAL": errors.NotCredential,
    "BODY_TOO_LARGE": errors.BodyTooLarge,
    "OVERLOADED": errors.ServiceUnavailable,
    "INVALID_BODY": errors.InvalidBody,
    "INVALID_CREDENTIAL": errors.InvalidCredential,
    "FORBIDDEN": errors.Forbidden,
    "NOT_GRANTED_CALL": errors.NotGrantedCall,
    "QUOTA_EXCEEDED": errors.TooManyCalls,
    "BAD_PARAMETER": errors.BadParameters,
    "NOT_FOUND": errors.ResourceNotFound,
    "CONFLICT": errors.ResourceConflict,
    "TOO_MANY_REQUESTS": errors.TooManyPermissionRequests,
    "INTERNAL_ERROR": errors.ServerFault,
    "SERVICE_UNAVAILABLE": errors.ServiceUnavailable,
    "UPSTREAM_UNREACHABLE": errors.UpstreamFault,
    "UPSTREAM_TIMED_OUT": errors.UpstreamFault,
}
"""`INVALID_URL` is not here: the wire uses it for 400 and for 404."""

_BY_TEXT: dict[tuple[int, str], type[ApiFault]] = {
    (403, "this call has not been granted"): errors.NotGrantedCall,
    (403, "this credential does not exist"): errors.NotCredential,
    (403, "this credential is not valid"): errors.InvalidCredential,
    (403, "this application key is invalid"): errors.InvalidKey,
    (403, "invalid application key"): errors.InvalidKey,
    (400, "invalid signature"): errors.InvalidSignature,
    (400, "query out of time"): errors.QueryTimeOut,
    (404, "got an invalid (or empty) url"): errors.UnknownRoute,
}
"""The texts of wire.md 5.2 in lower case. A text alone never decides: a business error may quote one of them."""

_BY_STATUS: dict[int, type[ApiFault]] = {
    400: errors.BadParameters,
    401: errors.MissingCredential,
    403: errors.Forbidden,
    404: errors.ResourceNotFound,
    409: errors.ResourceConflict,
    413: errors.BodyTooLarge,
    429: errors.TooManyCalls,
    460: errors.ResourceExpired,
    502: errors.UpstreamFault,
    503: errors.ServiceUnavailable,
    504: errors.UpstreamFault,
}


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> ErrorAnswer:
    """What an error answer says.

    Args:
        status: HTTP status, 400 or above.
        headers: of the answer, looked up without regard to case (httpx2's `Headers` do).
        body: as received; anything that is not a JSON object of the wire leaves the text members empty.
    """
    fields = _object(body)
    details = fields.get("details")
    query_id = headers.get("X-Ovh-QueryID") or fields.get("queryId")
    return ErrorAnswer(
        status=status,
        error_class=_text(fields.get("class")),
        error_code=_text(fields.get("errorCode")),
        message=_text(fields.get("message")) or f"The server answered {status} without saying why",
        details={str(key): str(value) for key, value in details.items()} if isinstance(details, dict) else {},
        query_id=query_id if isinstance(query_id, str) else None,
        retry_after_seconds=_seconds(headers.get("Retry-After")),
    )


def fault_of(answer: ErrorAnswer) -> ApiFault:
    """The exception that `answer` means, ready to be raised."""
    return _class_of(answer)(answer)


def _class_of(answer: ErrorAnswer) -> type[ApiFault]:
    if answer.error_code == "INVALID_URL":
        return errors.UnknownRoute if answer.status == 404 else errors.InvalidUrl
    known = _BY_CODE.get(answer.error_code) or _BY_TEXT.get((answer.status, answer.message.strip(" .").lower()))
    if known is not None:
        return known
    if answer.status in _BY_STATUS:
        return _BY_STATUS[answer.status]
    return errors.ServerFault if answer.status >= 500 else ApiFault


def _object(body: bytes) -> dict[str, object]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _seconds(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None
