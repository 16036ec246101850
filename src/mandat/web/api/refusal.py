"""A call the API does not answer as asked: carried as one exception to one place, said in the wire's shape there."""

from collections.abc import Mapping

import msgspec
from litestar import Response

from mandat.authority.fault import Fault
from mandat.protocol.headers import QUERY_ID, REFUSED_FOR
from mandat.protocol.refusals import WORDINGS, Reason, refusal_fields

JSON_TYPE = "application/json; charset=utf-8"


class ApiRefusal(Exception):
    """Answer with this refusal. `field` is the parameter or body member that is wrong, with its index."""

    def __init__(
        self,
        reason: Reason,
        message: str | None = None,
        *,
        field: str | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(message or reason.value)
        self.reason = reason
        self.message = message
        self.field = field
        self.retry_after_seconds = retry_after_seconds


def refusal_of(fault: Fault) -> ApiRefusal:
    """What a use case refused, as the API says it."""
    return ApiRefusal(fault.reason, fault.message, field=fault.field, retry_after_seconds=fault.retry_after_seconds)


def bad_parameter(field: str, message: str) -> ApiRefusal:
    """400, naming the parameter or member."""
    return ApiRefusal(Reason.BAD_PARAMETER, message, field=field)


def answer(value: object) -> Response[bytes]:
    """200 with `value` as JSON; None is the four bytes `null`, which is how the wire says "done" (wire.md 13.3)."""
    return Response(msgspec.json.encode(value), media_type=JSON_TYPE, status_code=200)


def refused(refusal: ApiRefusal, headers: Mapping[str, str]) -> Response[bytes]:
    """The error body that old and new clients understand, with the id of this exchange from the request's `headers`."""
    details = {"field": refusal.field} if refusal.field is not None else None
    fields = refusal_fields(refusal.reason, query_id=headers.get(QUERY_ID), message=refusal.message, details=details)
    extra = {REFUSED_FOR: refusal.reason.value}
    if refusal.retry_after_seconds is not None:
        extra["Retry-After"] = str(refusal.retry_after_seconds)
    return Response(
        msgspec.json.encode(fields),
        media_type=JSON_TYPE,
        status_code=WORDINGS[refusal.reason].status,
        headers=extra,
    )
