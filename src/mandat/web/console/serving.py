"""Serves the console's files: kept by browsers for ever, compressed where the browser can read it."""

from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from mandat.web.console.files import CONSOLE_FILES, CONSOLE_VERSION, ConsoleFile, content_of
from mandat.web.pages.frame.page import AnyRequest
from mandat.web.pages.frame.routing import read

_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; sandbox",
}
_TAG = f'"{CONSOLE_VERSION}"'
_COMPRESSED_TAG = f'"{CONSOLE_VERSION}-gzip"'


def _handler(file: ConsoleFile) -> HTTPRouteHandler:
    @read(file.path)
    async def show_file(request: AnyRequest) -> ASGIResponse:
        compressed = _accepts_gzip(request.headers.get("accept-encoding", ""))
        headers = _HEADERS | {"ETag": _COMPRESSED_TAG if compressed else _TAG}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return ASGIResponse(status_code=304, headers=headers)
        headers |= {"Content-Encoding": "gzip"} if compressed else {}
        return ASGIResponse(body=content_of(file, compressed=compressed), media_type=file.media_type, headers=headers)

    return show_file


def _accepts_gzip(accepted: str) -> bool:
    """Whether `Accept-Encoding` names gzip and does not refuse it."""
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() == "gzip":
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


FILE_HANDLERS = [_handler(file) for file in CONSOLE_FILES.values()]
