"""The headers of every page. Decides what a page may load, where its forms may go, and that nobody frames or keeps it.

Source: design.md 7. Two findings decide the odd ones: with `no-referrer` Chromium sends `Origin: null` on the page's
own POST, so the policy is `same-origin`; and `form-action` also judges the redirect that answers a form.
"""

import re
from collections.abc import Sequence

_PLAIN_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")
_SCHEME = re.compile(r"(https?:)//[^\s;,/?#]+")


def page_headers(
    *,
    form_action: Sequence[str] = (),
    script: bool = False,
    connect: bool = False,
    connect_to: Sequence[str] = (),
    data_images: bool = False,
) -> dict[str, str]:
    """Headers for one HTML page.

    Args:
        form_action: origins (`https://shop.example`) besides our own that a form of this page may end at.
        script: True where the page uses script files of its own origin. Inline script never runs.
        connect: True where such a script talks to its own origin (server-sent events, fetch).
        connect_to: origins that such a script talks to besides its own.
        data_images: True where a style sheet carries its images in itself.

    Raises:
        ValueError: `form_action` or `connect_to` holds something that is not an origin; it must not reach a header.
    """
    targets = " ".join(["'self'", *(_source(origin) for origin in form_action)])
    policy = [
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self' data:" if data_images else "img-src 'self'",
        f"form-action {targets}",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
    if script:
        policy.append("script-src 'self'")
    if connect or connect_to:
        policy.append(" ".join(["connect-src 'self'", *(_source(origin) for origin in connect_to)]))
    return {
        "Content-Security-Policy": "; ".join(policy),
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    }


def redirect_headers(location: str, *, cookies: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Headers for a 303 to `location` that nothing may keep. `cookies` are values of `Set-Cookie`."""
    headers = [("Location", location), ("Cache-Control", "no-store"), ("Referrer-Policy", "same-origin")]
    return headers + [("Set-Cookie", cookie) for cookie in cookies]


def _source(origin: str) -> str:
    """The CSP source for one origin. CSP cannot write an IPv6 host, and Chromium ignores a source with an underscore:
    there the scheme alone is named."""
    if _PLAIN_ORIGIN.fullmatch(origin):
        return origin
    match = _SCHEME.fullmatch(origin)
    if match is None:
        raise ValueError(f"not an origin: {origin!r}")
    return match[1]
