"""The exact list of what may be called without a signature; the gateway lets these through and judges all the rest.

Imports no web framework: gateway processes read this.
"""

from collections.abc import Sequence

from mandat.web.pages.routes import PAGE_ROUTES

VERSION_PREFIXES = ("/1.0", "/v1")
"""Under which the authority serves its part of the API; `/v1` is an alias (wire.md 4)."""


def open_routes(sections: Sequence[str]) -> list[tuple[str, str]]:
    """(method, path) of every open route of the authority: pages, static files, asking for rights, descriptions.

    Args:
        sections: of the catalogue; each has one document.
    """
    documents = ["", "/", *(f"/{section}.json" for section in sections)]
    routes = list(PAGE_ROUTES)
    for prefix in VERSION_PREFIXES:
        routes.append(("POST", f"{prefix}/auth/credential"))
        routes += [(method, prefix + path) for path in documents for method in ("GET", "HEAD")]
    return routes
