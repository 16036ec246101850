"""Tells the browser that asked from any other browser that comes back from the consent page.

Whoever starts a permission request holds its consumer key, even when somebody else confirms it. So an unguessable value
goes into the redirection, is shown to nobody before Confirm, and must come back in the same browser session before the
key is used. Pure: no calls are made here. Source: design.md 4, "consent fixation".
"""

import hmac
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

PARAMETER = "mandat_return"
"""The query parameter that carries the value."""
SESSION_KEY = "mandat.pending"
"""Where the session remembers: a list of `{"consumer_key": ..., "value": ...}`, plain JSON, oldest first."""
MAX_PENDING = 8
"""Requests one session may have open at once (browser tabs); the oldest is forgotten beyond that."""

_MEMBERS = ("consumer_key", "value")


def marked(redirection: str, value: str) -> str:
    """`redirection` with `value` added to its query; everything else stays as it is.

    Raises:
        ValueError: the browser would never come back, because this is no absolute http(s) URL of printable ASCII
            without user name and backslash; or the parameter is there already.
    """
    parts = urlsplit(redirection)
    plain = redirection.isascii() and redirection.isprintable() and " " not in redirection and "\\" not in redirection
    if not plain or parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ValueError(f"the redirection must be an absolute http(s) URL in ASCII without user name: {redirection!r}")
    if any(name == PARAMETER for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        raise ValueError(f"the redirection has a parameter {PARAMETER} already; the SDK sets it")
    query = "&".join(filter(None, (parts.query, urlencode({PARAMETER: value}))))
    return urlunsplit(parts._replace(path=parts.path or "/", query=query))


def remember(session: MutableMapping[str, Any], *, consumer_key: str, value: str) -> None:
    """Puts a pending key into the session. A new list is stored, so that stores that watch assignments notice."""
    pending = [*_pending(session), {"consumer_key": consumer_key, "value": value}]
    session[SESSION_KEY] = pending[-MAX_PENDING:]


def take_returned(return_url: str, session: MutableMapping[str, Any]) -> tuple[str | None, list[str]]:
    """Compares what came back with what the session remembers, and forgets what was decided. Works once per value.

    Args:
        return_url: the URL the browser came back to, or just its path and query.
        session: the session of that browser.

    Returns:
        The consumer key that may be used, and no other key; or None and every key that waited in this session: none of
        them can be trusted any more, and the session has forgotten them.
    """
    returned = _returned_value(return_url)
    pending = _pending(session)
    matching = [entry for entry in pending if hmac.compare_digest(entry["value"].encode(), returned)]
    if matching:
        session[SESSION_KEY] = [entry for entry in pending if entry not in matching]
        return matching[0]["consumer_key"], []
    session[SESSION_KEY] = []
    return None, [entry["consumer_key"] for entry in pending]


def _returned_value(return_url: str) -> bytes:
    """The one value in the query, or nothing that could match: no value, several, an address that is none."""
    try:
        values = [value for name, value in parse_qsl(urlsplit(return_url).query) if name == PARAMETER]
        return values[0].encode() if len(values) == 1 else b""
    except ValueError:
        return b""


def _pending(session: MutableMapping[str, Any]) -> list[dict[str, str]]:
    found = session.get(SESSION_KEY)
    return [
        entry
        for entry in (found if isinstance(found, list) else [])
        if isinstance(entry, dict) and all(isinstance(entry.get(name), str) and entry[name] for name in _MEMBERS)
    ]
