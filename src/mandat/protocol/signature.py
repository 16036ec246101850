"""The signature `$1$`: SHA-1 over application secret, consumer key and the call, joined by `+`.

It is a plain hash with a secret prefix, not a MAC. Alone it can be extended and its fields can be shifted into each
other (threats.md 1b, 1c); what cures that without changing a byte for honest clients is decided in
`mandat.core.decision`: formats of keys and timestamp, strict JSON bodies, one admission per signature. Source: wire.md
4.
"""

import re
from binascii import hexlify
from collections.abc import Sequence
from hashlib import sha1
from hmac import compare_digest

PREFIX = "$1$"

# Lower case only: one call has one signature, byte for byte, which replay admission relies on.
_is_well_formed = re.compile(rb"\$1\$[0-9a-f]{40}").fullmatch


def is_signature(value: bytes) -> bool:
    """Whether `value` has the form of a signature: `$1$` and 40 lower-case hexadecimal digits."""
    return _is_well_formed(value) is not None


def sign(application_secret: str, consumer_key: str, *, method: str, url: str, body: bytes, timestamp: int) -> str:
    """The value of `X-Ovh-Signature` for one call.

    Args:
        application_secret: the application's secret.
        consumer_key: the key that the customer's consent made valid.
        method: upper case.
        url: absolute, with scheme, authority, version prefix and query string, exactly as sent.
        body: the exact bytes sent; empty when none.
        timestamp: Unix seconds by the server's clock, as sent in `X-Ovh-Timestamp`.

    Source: wire.md 4.
    """
    fields = (application_secret.encode(), consumer_key.encode(), method.encode(), url.encode(), body)
    text = b"+".join((*fields, b"%d" % timestamp))
    return PREFIX + sha1(text, usedforsecurity=False).hexdigest()


def matching_secret(
    signature: bytes,
    secrets: Sequence[bytes],
    consumer_key: bytes,
    method: bytes,
    base_urls: Sequence[bytes],
    target: bytes,
    body: bytes,
    timestamp: bytes,
) -> int | None:
    """Which of the secrets made `signature`, under any of the base URLs; None for none. Compares in constant time.

    Each base URL counts as given and also without its port, because Node clients sign `https://HOST` even on a port of
    their own (wire.md 0.2). The newest secret and the first base URL are tried first: put the likely one there.

    Args:
        signature: the header's value.
        secrets: the application's secrets, newest last, as ASCII bytes.
        base_urls: `scheme://host[:port]` each, without a trailing slash.
        target: the raw request target, from the version prefix on, with its query string.
        timestamp: the header's text, not a number made of it.
    """
    bases = base_urls
    while bases:
        for index in range(len(secrets) - 1, -1, -1):
            for base in bases:
                text = b"+".join((secrets[index], consumer_key, method, base + target, body, timestamp))
                if compare_digest(signature, b"$1$" + hexlify(sha1(text, usedforsecurity=False).digest())):
                    return index
        bases = _portless(base_urls) if bases is base_urls else ()
    return None


def _portless(base_urls: Sequence[bytes]) -> list[bytes]:
    """The base URLs that have a port, without it."""
    shorter = (re.sub(rb":[0-9]+\Z", b"", base) for base in base_urls)
    return [base for base in dict.fromkeys(shorter) if base not in base_urls]
