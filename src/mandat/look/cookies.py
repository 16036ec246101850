"""How a cookie of ours is written, on https and on a plain-http loopback address.

On https: prefix `__Host-`, Secure. On plain http: neither, because curl and Python's cookie jars drop Secure cookies
there; and the port goes into the name, because cookies ignore ports and two demos may run side by side (design.md 7).
"""

from urllib.parse import urlsplit


def cookie_name(name: str, *, origin: str) -> str:
    """`__Host-session` for `https://auth.example`; `session-8700` for `http://127.0.0.1:8700`."""
    parts = urlsplit(origin)
    if parts.scheme == "https":
        return f"__Host-{name}"
    return f"{name}-{parts.port or 80}"


def session_cookie(name: str, value: str, *, origin: str, max_age_seconds: int | None = None) -> str:
    """The value of a `Set-Cookie` header for a cookie that only the server reads.

    Args:
        name: without prefix or port; those come from `origin`.
        value: characters that a cookie may hold (our tokens are letters, digits, `-`, `_`, `.`).
        origin: scheme, host and port of the page.
        max_age_seconds: None ends it with the browser; 0 deletes it.

    `SameSite=Lax`, not Strict: the customer arrives from the application's site and is to be recognised.

    Raises:
        ValueError: `value` holds a character that would end or split the header.
    """
    if not value.isascii() or any(character in value for character in ' ";,\\\r\n\0'):
        raise ValueError("not a cookie value")
    fields = [f"{cookie_name(name, origin=origin)}={value}", "Path=/", "HttpOnly", "SameSite=Lax"]
    if origin.startswith("https:"):
        fields.append("Secure")
    if max_age_seconds is not None:
        fields.append(f"Max-Age={max_age_seconds}")
    return "; ".join(fields)


def deleted_cookie(name: str, *, origin: str) -> str:
    """The `Set-Cookie` value that takes the cookie away."""
    return session_cookie(name, "", origin=origin, max_age_seconds=0)
