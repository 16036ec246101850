"""The API's description documents, public: an index, and a document per section in OVH's format and as OpenAPI 3.

Source: wire.md 7.
"""

from collections.abc import Mapping
from typing import Any

from litestar import Response, get

from mandat.protocol.refusals import Reason
from mandat.web.api.documents import DEFAULT_FORMAT, FORMATS, Documents
from mandat.web.api.given import Asked, Described, Flows, PathText, Reached
from mandat.web.api.reading import read_query
from mandat.web.api.refusal import JSON_TYPE, ApiRefusal, answer, bad_parameter
from mandat.web.settings import PageSettings

_SUFFIX = ".json"
_SCHEMAS = {"json": "{path}.json", "openapi3": "{path}.json?format=openapi3"}


@get("/")
async def index(request: Asked, authority: Flows, settings: Reached) -> Response[bytes]:
    """`GET /1.0/`: every section with where its documents are.

    `format` is what may stand for `{format}` in `schema`, as with OVH; `schemas` has the address of each format.
    """
    apis = [
        {
            "path": f"/{section}",
            "schema": "{path}.{format}",
            "format": ["json"],
            "schemas": _SCHEMAS,
            "description": _title(document),
        }
        for section in authority.catalogue.sections()
        if (document := authority.catalogue.document(section)) is not None
    ]
    return answer({"apis": apis, "basePath": _base_url(request, settings)})


@get("/{name:str}")
async def section_document(request: Asked, name: PathText, documents: Described, settings: Reached) -> Response[bytes]:
    """`GET /1.0/{section}.json`, with `?format=openapi3` as OpenAPI."""
    return _document(name, request, documents, settings)


@get("/{folder:str}/{name:str}")
async def nested_section_document(
    request: Asked, folder: PathText, name: PathText, documents: Described, settings: Reached
) -> Response[bytes]:
    """`GET /1.0/{folder}/{section}.json`, for sections such as `dedicated/server`."""
    return _document(f"{folder}/{name}", request, documents, settings)


def _document(name: str, request: Asked, documents: Documents, settings: PageSettings) -> Response[bytes]:
    if not name.endswith(_SUFFIX):
        raise ApiRefusal(Reason.UNKNOWN_ROUTE)
    wanted = read_query(request, {"format"}).get("format", DEFAULT_FORMAT)
    if wanted not in FORMATS:
        raise bad_parameter("format", f"format must be one of {', '.join(FORMATS)}")
    document = documents.section(name.removesuffix(_SUFFIX), wanted, _base_url(request, settings))
    if document is None:
        raise ApiRefusal(Reason.UNKNOWN_ROUTE)
    return Response(document, media_type=JSON_TYPE, status_code=200)


def _base_url(request: Asked, settings: PageSettings) -> str:
    """The caller's own way in, with the version it asked for."""
    version = request.scope["path"].strip("/").partition("/")[0]
    return f"{settings.api_origin(request.headers)}/{version}"


def _title(document: Mapping[str, Any]) -> str:
    text = document.get("description")
    return text if isinstance(text, str) else ""
