"""The API's description documents, public, in OVH's format: an index and a document per section. Source: wire.md 7."""

from typing import Any

from litestar import Response, get

from mandat.authority.service import Authority
from mandat.protocol.refusals import Reason
from mandat.web.api.given import Asked, Flows, PathText, Reached
from mandat.web.api.refusal import ApiRefusal, answer
from mandat.web.settings import PageSettings

_SUFFIX = ".json"


@get("/")
async def index(request: Asked, authority: Flows, settings: Reached) -> Response[bytes]:
    """`GET /1.0/`: every section with where its document is."""
    apis = [
        {"path": f"/{section}", "schema": "{path}.{format}", "format": ["json"], "description": _title(document)}
        for section in authority.catalogue.sections()
        if (document := authority.catalogue.document(section)) is not None
    ]
    return answer({"apis": apis, "basePath": _base_path(request, settings)})


@get("/{name:str}")
async def section_document(
    request: Asked,
    name: PathText,
    authority: Flows,
    settings: Reached,
) -> Response[bytes]:
    """`GET /1.0/{section}.json`."""
    return _document(name, request, authority, settings)


@get("/{folder:str}/{name:str}")
async def nested_section_document(
    request: Asked,
    folder: PathText,
    name: PathText,
    authority: Flows,
    settings: Reached,
) -> Response[bytes]:
    """`GET /1.0/{folder}/{section}.json`, for sections such as `dedicated/server`."""
    return _document(f"{folder}/{name}", request, authority, settings)


def _document(name: str, request: Asked, authority: Authority, settings: PageSettings) -> Response[bytes]:
    document = authority.catalogue.document(name.removesuffix(_SUFFIX)) if name.endswith(_SUFFIX) else None
    if document is None:
        raise ApiRefusal(Reason.UNKNOWN_ROUTE)
    return answer({**document, "basePath": _base_path(request, settings)})


def _base_path(request: Asked, settings: PageSettings) -> str:
    """The caller's own way in, with the version it asked for."""
    version = request.scope["path"].strip("/").partition("/")[0]
    return f"{settings.api_origin(request.headers)}/{version}"


def _title(document: dict[str, Any]) -> str:
    text = document.get("description")
    return text if isinstance(text, str) else ""
