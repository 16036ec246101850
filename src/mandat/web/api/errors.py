"""What goes wrong on the API's paths, in the wire's shape. Foreign exceptions end here."""

import logging
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.status_codes import HTTP_404_NOT_FOUND, HTTP_405_METHOD_NOT_ALLOWED, HTTP_413_REQUEST_ENTITY_TOO_LARGE

from mandat.authority.interfaces import StorageUnavailable
from mandat.protocol.refusals import Reason
from mandat.web.api.refusal import ApiRefusal, refused

_log = logging.getLogger("mandat.web")
STORAGE_RETRY_SECONDS = 2

_BY_STATUS = {
    HTTP_404_NOT_FOUND: Reason.UNKNOWN_ROUTE,
    HTTP_405_METHOD_NOT_ALLOWED: Reason.METHOD_NOT_ALLOWED,
    HTTP_413_REQUEST_ENTITY_TOO_LARGE: Reason.BODY_TOO_LARGE,
}


def api_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The answer for `error`; what was not foreseen is logged and told as 500 without its text."""
    return refused(_refusal(request, error), request.headers)


def _refusal(request: Request[Any, Any, Any], error: Exception) -> ApiRefusal:
    if isinstance(error, ApiRefusal):
        return error
    if isinstance(error, StorageUnavailable):
        _log.warning("storage unavailable: %s %s", request.method, request.scope["path"], exc_info=error)
        return ApiRefusal(Reason.STORAGE_UNAVAILABLE, retry_after_seconds=STORAGE_RETRY_SECONDS)
    if isinstance(error, HTTPException) and error.status_code < 500:
        return ApiRefusal(_BY_STATUS.get(error.status_code, Reason.MALFORMED_REQUEST))
    _log.error("unforeseen: %s %s", request.method, request.scope["path"], exc_info=error)
    return ApiRefusal(Reason.INTERNAL_ERROR)
