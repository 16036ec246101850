"""The description documents as bytes, in each format, ready to send.

Making one from the catalogue costs up to a second for the largest section that OVH publishes, and anybody may ask; so
what was made is kept until the catalogue changes. Source: wire.md 7.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from mandat.authority.catalogue import Catalogue
from mandat.web.descriptions.openapi import openapi_document

KEPT_BYTES = 32 * 1024 * 1024
"""Several times all of OVH's sections that one consent page needs."""

DEFAULT_FORMAT = "json"

_Maker = Callable[[str, Mapping[str, Any], str], Mapping[str, Any]]


def _as_ovh(section: str, document: Mapping[str, Any], base_url: str) -> Mapping[str, Any]:
    return {**document, "basePath": base_url}


def _as_openapi(section: str, document: Mapping[str, Any], base_url: str) -> Mapping[str, Any]:
    return openapi_document(section, document, base_url=base_url)


FORMATS: Mapping[str, _Maker] = {DEFAULT_FORMAT: _as_ovh, "openapi3": _as_openapi}
"""By the value of `format`."""


class Documents:
    """Answers for the sections of one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._generation = catalogue.generation
        self._made: OrderedDict[tuple[str, str, str], bytes] = OrderedDict()
        self._bytes = 0

    def section(self, section: str, format_name: str, base_url: str) -> bytes | None:
        """The document of a section. None: there is no such section. `format_name` is one of FORMATS."""
        if self._generation != self._catalogue.generation:
            self._made.clear()
            self._generation, self._bytes = self._catalogue.generation, 0
        key = (section, format_name, base_url)
        made = self._made.get(key)
        if made is not None:
            self._made.move_to_end(key)
            return made
        document = self._catalogue.document(section)
        if document is None:
            return None
        made = msgspec.json.encode(FORMATS[format_name](section, document, base_url))
        self._keep(key, made)
        return made

    def _keep(self, key: tuple[str, str, str], made: bytes) -> None:
        self._made[key] = made
        self._bytes += len(made)
        while self._bytes > KEPT_BYTES:
            _, dropped = self._made.popitem(last=False)
            self._bytes -= len(dropped)
