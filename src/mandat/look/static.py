"""The static files of the look, read once, with an address that changes when the content does.

Every set of pages serves all of STATIC_FILES under the paths given here; the paths are exact, never a folder.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

STATIC_PREFIX = "/static/"

_FOLDER = Path(__file__).parent / "static"
_MEDIA_TYPES = {
    "mandat.css": "text/css",
    "mark-seal.svg": "image/svg+xml",
    "mark-stack.svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file. `version` is the start of its SHA-256, as hex; it is the ETag and the `v` of its address."""

    path: str
    media_type: str
    content: bytes
    version: str

    def headers(self, *, versioned: bool) -> dict[str, str]:
        """What to send with it. An address with the right `v` never changes its content; others are asked again."""
        return {
            "Cache-Control": "public, max-age=31536000, immutable" if versioned else "public, max-age=300",
            "ETag": f'"{self.version}"',
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Content-Security-Policy": "default-src 'none'; style-src 'self'; sandbox",
        }


def _read(name: str) -> StaticFile:
    content = (_FOLDER / name).read_bytes()
    return StaticFile(
        path=STATIC_PREFIX + name,
        media_type=_MEDIA_TYPES[name],
        content=content,
        version=hashlib.sha256(content).hexdigest()[:16],
    )


STATIC_FILES: dict[str, StaticFile] = {file.path: file for file in map(_read, _MEDIA_TYPES)}
"""By path, such as `/static/mandat.css`."""


def asset_path(name: str) -> str:
    """The versioned address of a static file: `/static/mandat.css?v=...`. Raises KeyError for an unknown one."""
    file = STATIC_FILES[STATIC_PREFIX + name]
    return f"{file.path}?v={file.version}"
