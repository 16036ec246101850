"""The authority's own operations in OVH's description format: `auth`, and `/me/api` of `me` (wire.md 7).

The documents are data (`auth.json`, `me.json`), so that they can be read without running anything. `basePath` is put in
by `web.api.describe`; an upstream's part of `me` is joined by `authority.catalogue`.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

_SECTIONS = ("auth", "me")


@cache
def own_documents() -> dict[str, dict[str, Any]]:
    """The documents by section."""
    return {
        section: json.loads((Path(__file__).parent / f"{section}.json").read_text(encoding="utf-8"))
        for section in _SECTIONS
    }
