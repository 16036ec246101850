"""Where a browser may be sent after the answer. An application may store any text; most of it is never followed.

Source: design.md 4 (compatible mode), threats.md 3.1 (open redirect).
"""

import re

_FOLLOWED = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?(?:[/?#].*)?",
    re.IGNORECASE,
)
_VISIBLE_ASCII = re.compile(r"[\x21-\x5b\x5d-\x7e]+")
"""Without the backslash, which browsers read as a slash, so that the host shown would not be the host reached."""


def redirect_origin(redirection: str | None) -> str | None:
    """Scheme and host (and port) a browser will be sent to, lower case, such as `https://shop.example`.

    None when there is no redirection or it is not followed: anything but an absolute http(s) address with a plain host,
    no user part, no controls, blanks, backslashes or characters outside ASCII.
    """
    if redirection is None or _VISIBLE_ASCII.fullmatch(redirection) is None:
        return None
    match = _FOLLOWED.fullmatch(redirection)
    if match is None:
        return None
    origin = f"{match['scheme']}://{match['host']}".lower()
    if match["port"] is None:
        return origin
    return f"{origin}:{match['port']}" if 0 < int(match["port"]) < 65536 else None


def followed_redirection(redirection: str | None) -> str | None:
    """`redirection` to the letter when it is followed, else None."""
    return redirection if redirect_origin(redirection) is not None else None
