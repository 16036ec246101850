"""Who a call speaks for: nobody but the gateway may say so, by an assertion it signed (design.md 2).

The plain X-Mandat-Account header that travels beside the assertion is not even read. Checking the token itself is
`mandat.enforcement.assertion_verifier`'s; here is where its keys come from.
"""

import asyncio
import json
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from mandat.enforcement.assertion_verifier import Asserted, AssertionFault

FETCH_SECONDS = 3.0
MAX_KEY_SET_BYTES = 65_536


class Verifier(Protocol):
    """What the sandbox needs of an assertion verifier."""

    async def check(self, token: str | bytes | None) -> Asserted | AssertionFault:
        """Who the token speaks for, or why it is not valid. Raises whatever fetching keys raises."""


def key_set_source(url: str) -> Callable[[], Awaitable[Mapping[str, Any]]]:
    """A function that fetches the gateway's key set from `url`; it raises OSError or ValueError when it cannot.

    Raises:
        ValueError: `url` is not http or https.
    """
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url} is not an http address")
    # Never through a proxy from the environment: a key set decides who may speak for whom.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def fetch() -> Mapping[str, Any]:
        with opener.open(url, timeout=FETCH_SECONDS) as response:
            document = json.loads(response.read(MAX_KEY_SET_BYTES))
        if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
            raise ValueError("not a key set")
        return document

    async def fetch_in_thread() -> Mapping[str, Any]:
        return await asyncio.to_thread(fetch)

    return fetch_in_thread
