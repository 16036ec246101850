"""`userData` of an instance: the part of `#cloud-config` that the sandbox carries out, and what it refuses.

Carried out is `write_files` below the site's root. `packages` and their updates are accepted and leave nothing to do:
a web server is there already. Everything else is refused by name, because it would not happen.
Source: cloud-init's module reference; only its plain form, without aliases, tags and encodings.
"""

import re
from collections.abc import Callable
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent, DocumentStartEvent, NodeEvent, ScalarEvent

SITE_ROOT = "/var/www/html"
MAX_BYTES = 65_535  # what OpenStack's compute API takes
MAX_FILES = 200
MAX_PATH_BYTES = 512
MAX_NAME_BYTES = 255  # of one segment: what file systems take
MAX_DEPTH = 10
MAX_NODES = 5_000
MAX_PACKAGES = 100

_FIRST_LINE = "#cloud-config"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_PERMISSIONS = re.compile(r"(?:0o?)?[0-7]{3,4}", re.ASCII)
_OWNER = re.compile(r"[a-z_][a-z0-9_-]{0,31}(?::[a-z_][a-z0-9_-]{0,31})?", re.ASCII)
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,127}", re.ASCII)


class UserDataFault(ValueError):
    """What is wrong, and where in the document; the message is safe to show."""


def parse_user_data(text: str) -> dict[str, str]:
    """The files of the site that `text` asks for: content by path below the site's root, such as `css/a.css`.

    Raises:
        UserDataFault: it is too large, no `#cloud-config`, or asks for what the sandbox does not do.
    """
    if len(text.encode()) > MAX_BYTES:
        raise UserDataFault(f"is larger than {MAX_BYTES} bytes")
    if text.partition("\n")[0].rstrip() != _FIRST_LINE:
        raise UserDataFault(f"must begin with a line {_FIRST_LINE}; scripts and other kinds are not carried out here")
    document = _load(text)
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise UserDataFault("must be a mapping")
    for name, value in document.items():
        if name not in _MEMBERS:
            raise UserDataFault(
                f"has {_shown(name)}, which the sandbox does not carry out; known: {', '.join(_MEMBERS)}"
            )
        _MEMBERS[name](name, value)
    return _read_files(document.get("write_files") or [])


def _load(text: str) -> Any:
    yaml = YAML(typ="safe", pure=True)
    try:
        _check_events(yaml, text)
        return yaml.load(text)
    except (YAMLError, ValueError, OverflowError, RecursionError) as fault:
        if isinstance(fault, UserDataFault):
            raise
        mark = getattr(fault, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark is not None else ""
        problem = str(getattr(fault, "problem", None) or "it cannot be read").splitlines()[0]
        raise UserDataFault(f"is not acceptable YAML{where}: {ascii(problem)[1:-1][:120]}") from None


def _check_events(yaml: YAML, text: str) -> None:
    """Everything that makes YAML dangerous, refused before a document is built of it."""
    depth = documents = nodes = 0
    for event in yaml.parse(text):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        documents += isinstance(event, DocumentStartEvent)
        nodes += isinstance(event, NodeEvent)
        line = event.start_mark.line + 1
        if isinstance(event, NodeEvent) and event.anchor is not None:
            raise UserDataFault(f"has an alias or anchor in line {line}, which is not accepted")
        if isinstance(event, ScalarEvent | CollectionStartEvent) and event.tag is not None:
            raise UserDataFault(f"has a tag in line {line}, which is not accepted: only text, no binary content")
        if documents > 1 or depth > MAX_DEPTH or nodes > MAX_NODES:
            raise UserDataFault(f"is more than one document, or too deep or too much in line {line}")


def _check_flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise UserDataFault(f"has {name} that is not true or false")


def _check_packages(name: str, value: Any) -> None:
    if not isinstance(value, list) or len(value) > MAX_PACKAGES:
        raise UserDataFault(f"has {name} that are not a list of at most {MAX_PACKAGES}")
    for index, item in enumerate(value):
        if not isinstance(item, str) or not _PACKAGE.fullmatch(item):
            raise UserDataFault(f"has {name}[{index}] that is not the name of a package")


def _check_list(name: str, value: Any) -> None:
    if value is not None and (not isinstance(value, list) or len(value) > MAX_FILES):
        raise UserDataFault(f"has {name} that are not a list of at most {MAX_FILES}")


_MEMBERS: dict[str, Callable[[str, Any], None]] = {
    "write_files": _check_list,
    "packages": _check_packages,
    "package_update": _check_flag,
    "package_upgrade": _check_flag,
}


def _read_files(entries: list[Any]) -> dict[str, str]:
    files: dict[str, str] = {}
    for index, entry in enumerate(entries):
        place = f"write_files[{index}]"
        if not isinstance(entry, dict):
            raise UserDataFault(f"has {place} that is not a mapping")
        for name in entry:
            if name not in _FILE_MEMBERS:
                raise UserDataFault(
                    f"has {place}.{_shown(name)}, which is not known; known: {', '.join(_FILE_MEMBERS)}"
                )
        for name, (why, is_good) in _FILE_MEMBERS.items():
            if name in entry and not is_good(entry[name]):
                raise UserDataFault(f"has {place}.{name} that {why}")
        path = _path_below_root(entry.get("path"), place)
        if path in files and not entry.get("append"):
            raise UserDataFault(f"has {place}.path that is written twice")
        files[path] = files.get(path, "") + entry.get("content", "")
    _check_folders(files)
    return files


_FILE_MEMBERS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "path": ("is not a text", lambda value: isinstance(value, str)),
    "content": ("is not a text", lambda value: isinstance(value, str)),
    "permissions": (
        "is not an octal number such as '0644'",
        lambda value: type(value) in (str, int) and _PERMISSIONS.fullmatch(str(value)) is not None,
    ),
    "owner": ("is not user:group", lambda value: isinstance(value, str) and _OWNER.fullmatch(value) is not None),
    "encoding": ("is not text/plain: binary content is not accepted", lambda value: value == "text/plain"),
    "append": ("is not true or false", lambda value: isinstance(value, bool)),
    "defer": ("is not true or false", lambda value: isinstance(value, bool)),
}


def _path_below_root(path: Any, place: str) -> str:
    if path is None:
        raise UserDataFault(f"has {place} without a path")
    below = path.removeprefix(f"{SITE_ROOT}/")
    if below == path:
        raise UserDataFault(f"has {place}.path outside the site's root {SITE_ROOT}/")
    segments = below.split("/")
    if any(segment in ("", ".", "..") or len(segment.encode()) > MAX_NAME_BYTES for segment in segments):
        raise UserDataFault(f"has {place}.path with an empty, overlong, '.' or '..' segment")
    if len(below.encode()) > MAX_PATH_BYTES or _CONTROL.search(below) or "\\" in below:
        raise UserDataFault(f"has {place}.path that is too long or has control characters or backslashes")
    return str(below)


def _check_folders(files: dict[str, str]) -> None:
    for path in files:
        parts = path.split("/")
        if any("/".join(parts[:length]) in files for length in range(1, len(parts))):
            raise UserDataFault("has write_files in which one path is both a file and a folder")


def _shown(name: object) -> str:
    return ascii(str(name)[:40])
