"""The console's files: our modules and the vendored Swagger UI, below one address that changes when any of them does.

Modules import each other by relative addresses, so the version is in the folder and not behind a question mark, and
every file may be kept for ever. Gateways read only the names and the version; contents are read when asked for.
"""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent
_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css"}
_SOURCES = {
    "swagger-ui-bundle.js": _FOLDER / "vendor" / "swagger-ui",
    "swagger-ui.css": _FOLDER / "vendor" / "swagger-ui",
    **{path.name: path.parent for path in sorted((_FOLDER / "static").iterdir()) if path.suffix in _MEDIA_TYPES},
}


@dataclass(frozen=True, slots=True)
class ConsoleFile:
    """One file and the address it is served under."""

    path: str
    source: Path

    @property
    def media_type(self) -> str:
        """By its ending."""
        return _MEDIA_TYPES[self.source.suffix]


def _version() -> str:
    """The start of the SHA-256 over all files, in hex."""
    digest = hashlib.sha256()
    for name, folder in sorted(_SOURCES.items()):
        digest.update(hashlib.sha256((folder / name).read_bytes()).digest())
    return digest.hexdigest()[:16]


CONSOLE_VERSION = _version()
CONSOLE_PREFIX = f"/static/console-{CONSOLE_VERSION}/"
CONSOLE_FILES: dict[str, ConsoleFile] = {
    CONSOLE_PREFIX + name: ConsoleFile(CONSOLE_PREFIX + name, folder / name) for name, folder in _SOURCES.items()
}
"""By path."""


def console_path(name: str) -> str:
    """The address of a file: `/static/console-.../console.js`. Raises KeyError for an unknown one."""
    return CONSOLE_FILES[CONSOLE_PREFIX + name].path


@cache
def content_of(file: ConsoleFile, *, compressed: bool) -> bytes:
    """The file as it is sent. Compressing the largest takes a tenth of a second, once."""
    content = file.source.read_bytes()
    return gzip.compress(content, compresslevel=6, mtime=0) if compressed else content
