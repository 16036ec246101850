"""Where the API is: endpoint names and URLs, and from a path to the URL that is called.

Source: the endpoint table of python-ovh 1.2.0; `/v1` and `/v2` handling of wire.md 4.2.
"""

import re
from urllib.parse import urlsplit

from mandat.client.errors import ConfigurationFault

ENDPOINTS = {
    "ovh-eu": "https://eu.api.ovh.com/1.0",
    "ovh-us": "https://api.us.ovhcloud.com/1.0",
    "ovh-ca": "https://ca.api.ovh.com/1.0",
    "kimsufi-eu": "https://eu.api.kimsufi.com/1.0",
    "kimsufi-ca": "https://ca.api.kimsufi.com/1.0",
    "soyoustart-eu": "https://eu.api.soyoustart.com/1.0",
    "soyoustart-ca": "https://ca.api.soyoustart.com/1.0",
}
"""The names that OVHcloud's own clients know."""

MAX_PATH_CHARACTERS = 8192
"""What the gateway accepts as a target (design.md 5)."""

_VERSION = re.compile(r"/(1\.0|v1|v2)\Z")
_OTHER_VERSION = re.compile(r"/v[12](/|\?|\Z)")
_UNSENDABLE = re.compile(r"[\x00-\x20\x7f\\#]")


def base_url(endpoint: str) -> str:
    """The base URL of an endpoint, with its version and without a slash at the end.

    Args:
        endpoint: a name of ENDPOINTS, or any http(s) URL; `/1.0` is added where the URL ends with no version.

    Raises:
        ConfigurationFault: an unknown name, or a URL that no call can be made to.
    """
    if endpoint in ENDPOINTS:
        return ENDPOINTS[endpoint]
    if "/" not in endpoint:
        known = ", ".join(ENDPOINTS)
        raise ConfigurationFault(f'Unknown endpoint "{endpoint}". Use an http(s) URL or one of: {known}.')
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or _UNSENDABLE.search(endpoint) or "?" in endpoint or "@" in parts.netloc:
        raise ConfigurationFault(
            f'The endpoint "{endpoint}" is not a URL such as http://127.0.0.1:8700/1.0'
            " (http or https, no user name, query or fragment)."
        )
    url = endpoint.rstrip("/")
    return url if _VERSION.search(urlsplit(url).path) else f"{url}/1.0"


def call_url(base: str, path: str) -> str:
    """The URL of one call.

    Args:
        base: as `base_url` gives it.
        path: with its query, starting with `/`. One that starts with `/v1` or `/v2` replaces the version of `base`.

    Raises:
        ValueError: a path that would not arrive as written: no slash in front, a blank, control character, backslash
            or fragment, or dot segments (an HTTP library would fold them, and the call would go somewhere else).
    """
    if not path.startswith("/"):
        raise ValueError(f'the path must start with "/": {path!r}')
    if _UNSENDABLE.search(path):
        raise ValueError(f"the path has a blank, control character, backslash or fragment, escape it: {path!r}")
    if len(path) > MAX_PATH_CHARACTERS:
        raise ValueError(f"the path and its query have {len(path)} characters, more than {MAX_PATH_CHARACTERS}")
    if any(segment in (".", "..") for segment in path.partition("?")[0].split("/")):
        raise ValueError(f'the path has "." or ".." segments: {path!r}')
    if _OTHER_VERSION.match(path):
        base = _VERSION.sub("", base)
    return base + path
