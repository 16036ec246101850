"""The start page, and the static files every page needs."""

from typing import Any

from litestar.response.base import ASGIResponse

from mandat.look.static import STATIC_FILES, StaticFile
from mandat.web.pages.frame.page import AnyRequest, GivenPage
from mandat.web.pages.frame.routing import read


@read("/")
async def show_home(page: GivenPage) -> ASGIResponse:
    """What this place is and where to go from it."""
    settings = page.site.settings
    return page.render("home.html", endpoint=page.api_origin + "/1.0", marketplace=settings.marketplace_url)


def _static_handler(path: str, file: StaticFile) -> Any:
    @read(path)
    async def show_file(request: AnyRequest) -> ASGIResponse:
        if request.headers.get("if-none-match") == f'"{file.version}"':
            return ASGIResponse(status_code=304, headers=file.headers(versioned=False))
        versioned = request.query_params.get("v") == file.version
        return ASGIResponse(body=file.content, media_type=file.media_type, headers=file.headers(versioned=versioned))

    return show_file


HANDLERS = [
    show_home,
    *(_static_handler(path, file) for path, file in STATIC_FILES.items()),
    # Browsers ask for this name unasked.
    _static_handler("/favicon.ico", STATIC_FILES["/static/mark-seal.svg"]),
]
