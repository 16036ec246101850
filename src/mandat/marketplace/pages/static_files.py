"""Static files: those of the look, and our own script and additions to the style sheet. Exact paths, never a folder."""

from pathlib import Path

from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from mandat.look.refusal import PageRefusal
from mandat.look.static import STATIC_FILES, STATIC_PREFIX, asset_path, read_static_files
from mandat.look.words import gettext as _
from mandat.marketplace.pages.frame.page import AnyRequest, read

_FOLDER = Path(__file__).parent / "static"
_MEDIA_TYPES = {"market.css": "text/css; charset=utf-8", "progress.js": "text/javascript; charset=utf-8"}


OWN_FILES = read_static_files(_FOLDER, _MEDIA_TYPES)
"""By path."""

_ALL_FILES = {**STATIC_FILES, **OWN_FILES}


def own_asset(name: str) -> str:
    """The versioned address of one of our own files."""
    return asset_path(name, OWN_FILES)


@read("/static/{name:str}")
async def send_static_file(request: AnyRequest, name: FromPath[str]) -> ASGIResponse:
    """One file."""
    file = _ALL_FILES.get(STATIC_PREFIX + name)
    if file is None:
        raise PageRefusal(404, _("There is no such file."))
    versioned = request.scope["query_string"] == f"v={file.version}".encode()
    return ASGIResponse(body=file.content, media_type=file.media_type, headers=file.headers(versioned=versioned))
