"""Host names as records write them: text in, DNS labels out.

A name that ends with a full stop is whole; any other is read relative to its zone, as in a zone file and as OVHcloud
does it. Only ASCII: an international name is written in its `xn--` form. Source: RFC 1035 2.3, RFC 8499.
"""

import re
from ipaddress import IPv4Address

Labels = tuple[bytes, ...]
"""A domain name, leftmost label first, without the root; as written, so compare with `fold`."""

MAX_LABEL_BYTES = 63  # RFC 1035 2.3.4
MAX_NAME_BYTES = 253  # RFC 1035: 255 with the length bytes of the first label and of the root
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", re.ASCII)


class TargetFault(ValueError):
    """A record's text does not say what its type needs; the message is safe to show and names no record."""


def fold(labels: Labels) -> Labels:
    """`labels` in lower case: names are compared without case (RFC 4343)."""
    return tuple(label.lower() for label in labels)


def text_of(labels: Labels) -> str:
    """The name as text with its final full stop."""
    return b".".join(labels).decode("ascii") + "."


def parse_host(text: str, zone: Labels) -> Labels:
    """The name that `text` means inside `zone`; "." is the root.

    Raises:
        TargetFault: not a host name.
    """
    if text == ".":
        return ()
    relative = not text.endswith(".")
    if relative and _is_address(text):
        raise TargetFault(f"{text} is an address, and a host name is needed")
    labels = parse_labels(text if relative else text[:-1])
    return check_length(labels + zone if relative else labels)


def parse_labels(text: str) -> Labels:
    """The labels of a relative name, for example of `_dmarc.mail`.

    Raises:
        TargetFault: an empty or overlong label, or one with other characters than letters, digits, "-" and "_".
    """
    parts = text.split(".")
    for part in parts:
        if not _LABEL.fullmatch(part):
            raise TargetFault(
                f"{shorten(text)} is not a host name (labels of 1 to 63 letters, digits, hyphens; others as xn--)"
            )
    return tuple(part.encode("ascii") for part in parts)


def parse_owner(sub_domain: str, zone: Labels) -> Labels:
    """The name a record stands at: `sub_domain` ("" is the zone itself, a first label "*" a wildcard) below `zone`.

    Raises:
        TargetFault: not a name, or too long together with the zone.
    """
    if not sub_domain:
        return zone
    first, _, rest = sub_domain.partition(".")
    if first != "*":
        return check_length(parse_labels(sub_domain) + zone)
    return check_length((b"*", *(parse_labels(rest) if rest or sub_domain.endswith(".") else ()), *zone))


def parse_absolute(text: str) -> Labels:
    """The labels of a whole name, with or without its final full stop.

    Raises:
        TargetFault: not a host name.
    """
    return check_length(parse_labels(text.removesuffix(".")))


def check_length(labels: Labels) -> Labels:
    """`labels`, when a name may be that long.

    Raises:
        TargetFault: longer than 253 bytes.
    """
    if len(b".".join(labels)) > MAX_NAME_BYTES:
        raise TargetFault(f"the whole name would be longer than {MAX_NAME_BYTES} bytes")
    return labels


def shorten(text: str) -> str:
    """`text`, cut for a message."""
    return text if len(text) <= 64 else text[:61] + "..."


def _is_address(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True
