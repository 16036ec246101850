"""The static files of the look, read once, with an address that changes when the content does.

Every set of pages serves all of STATIC_FILES under the paths given here; the paths are exact, never a folder.
"""

import hashlib
from collections.abc import Mapping
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


def read_static_files(folder: Path, media_types: Mapping[str, str]) -> dict[str, StaticFile]:
    """The files of `folder` that `media_types` names, by their paths below STATIC_PREFIX."""
    return {
        STATIC_PREFIX + name: StaticFile(
            path=STATIC_PREFIX + name,
            media_type=media_type,
            content=(content := (folder / name).read_bytes()),
            version=hashlib.sha256(content).hexdigest()[:16],
        )
        for name, media_type in media_types.items()
    }


STATIC_FILES = read_static_files(_FOLDER, _MEDIA_TYPES)
"""By path, such as `/static/mandat.css`."""


def asset_path(name: str, files: Mapping[str, StaticFile] = STATIC_FILES) -> str:
    """The versioned address of one of `files`: `/static/mandat.css?v=...`. Raises KeyError for an unknown one."""
    file = files[STATIC_PREFIX + name]
    return f"{file.path}?v={file.version}"
