"""What a record's target must look like for each type, and the record data it is served as.

Text is checked, never rewritten: the API gives back what was sent. Which name the record stands at, time to live and
whether records of one name get along is decided elsewhere. Sources: the RFC named at each type.
"""

from collections.abc import Callable
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from dnslib import AAAA, CAA, CNAME, MX, NAPTR, NS, PTR, QTYPE, RD, SRV, SSHFP, TLSA, TXT, A, DNSLabel
from dnslib.label import DNSBuffer

from mandat.sandbox.dns.location import parse_location
from mandat.sandbox.dns.names import Labels, TargetFault, parse_host, shorten
from mandat.sandbox.dns.service_binding import parse_service_binding
from mandat.sandbox.dns.words import MAX_STRING_BYTES, Word, split_text, split_words

_SERVED_AS_TEXT = ("TXT", "SPF", "DKIM", "DMARC")


class UncompressedName(RD):  # type: ignore[misc]  # dnslib is not typed
    """A DNAME's data: its name must not be compressed (RFC 6672 2.5), which dnslib's own class does."""

    def __init__(self, name: Labels) -> None:
        super().__init__(b"")
        self.name = DNSLabel(name)

    def pack(self, buffer: DNSBuffer) -> None:
        buffer.encode_name_nocompress(self.name)


def served_type(field_type: str) -> int:
    """The DNS type number that records of `field_type` are served as: SPF, DKIM and DMARC are texts (RFC 7208 3.1)."""
    return int(getattr(QTYPE, "TXT" if field_type in _SERVED_AS_TEXT else field_type))


def parse_target(field_type: str, target: str, zone: Labels) -> RD:
    """The record data that `target` means for `field_type` in `zone`.

    Args:
        field_type: one of FIELD_TYPES.
        target: as sent by the caller.
        zone: labels of the zone, for names without a final full stop.

    Raises:
        TargetFault: the text does not fit the type.
    """
    if not target.strip(" "):
        raise TargetFault("it is blank")
    if target != target.strip(" ") and field_type not in _SERVED_AS_TEXT:
        raise TargetFault("it starts or ends with a blank")
    return _PARSERS[field_type](target, zone)


def _a(target: str, zone: Labels) -> RD:
    try:
        return A(tuple(IPv4Address(target).packed))
    except AddressValueError:
        raise TargetFault(f"{shorten(target)} is not an IPv4 address") from None


def _aaaa(target: str, zone: Labels) -> RD:
    try:
        if "%" in target:
            raise AddressValueError(target)
        return AAAA(tuple(IPv6Address(target).packed))
    except AddressValueError:
        raise TargetFault(f"{shorten(target)} is not an IPv6 address") from None


def _name_of(make: Callable[[Labels], RD]) -> Callable[[str, Labels], RD]:
    def parse(target: str, zone: Labels) -> RD:
        return make(parse_host(target, zone))

    return parse


def _text(target: str, zone: Labels) -> RD:
    return TXT(split_text(target))


def _mx(target: str, zone: Labels) -> RD:  # RFC 1035 3.3.9, RFC 7505
    preference, host = _plain_words(target, "a preference and a mail server, for example 10 mail.example.org.", 2)
    return MX(DNSLabel(parse_host(host, zone)), _number(preference, 16))


def _srv(target: str, zone: Labels) -> RD:  # RFC 2782
    *numbers, host = _plain_words(target, "priority, weight, port and host, for example 0 5 443 www.example.org.", 4)
    return SRV(*(_number(number, 16) for number in numbers), DNSLabel(parse_host(host, zone)))


def _caa(target: str, zone: Labels) -> RD:  # RFC 8659 4.1
    flags, tag, value = _words(target, 'flags, tag and value, for example 0 issue "letsencrypt.org"', 3)
    name = _plain(tag)
    if not (name.isascii() and name.isalnum() and len(name) <= 15):
        raise TargetFault("its tag is not 1 to 15 letters and digits")
    try:
        return CAA(_number(_plain(flags), 8), name, value.text.decode())
    except UnicodeDecodeError:
        raise TargetFault("its value is not text in UTF-8") from None


def _naptr(target: str, zone: Labels) -> RD:  # RFC 3403 4.1
    need = 'order, preference, "flags", "service", "regexp" and replacement'
    order, preference, *strings, replacement = _words(target, need, 6)
    for string in strings:
        if len(string.text) > MAX_STRING_BYTES:
            raise TargetFault(f"a part is longer than {MAX_STRING_BYTES} bytes")
    return NAPTR(
        _number(_plain(order), 16),
        _number(_plain(preference), 16),
        *(string.text for string in strings),
        DNSLabel(parse_host(_plain(replacement), zone)),
    )


def _sshfp(target: str, zone: Labels) -> RD:  # RFC 4255 3.1
    algorithm, kind, digits = _plain_words(target, "algorithm, fingerprint type and hexadecimal fingerprint", 3)
    return SSHFP(_number(algorithm, 8), _number(kind, 8), _bytes_from_hex(digits))


def _tlsa(target: str, zone: Labels) -> RD:  # RFC 6698 2.1
    *numbers, digits = _plain_words(target, "usage, selector, matching type and hexadecimal data", 4)
    return TLSA(*(_number(number, 8) for number in numbers), _bytes_from_hex(digits))


def _words(target: str, need: str, count: int) -> list[Word]:
    words = split_words(target)
    if len(words) != count:
        raise TargetFault(f"it needs {need}")
    return words


def _plain_words(target: str, need: str, count: int) -> list[str]:
    return [_plain(word) for word in _words(target, need, count)]


def _plain(word: Word) -> str:
    if word.quoted or not word.text.isascii():
        raise TargetFault("a number or name in it is quoted or not ASCII")
    return word.text.decode("ascii")


def _number(text: str, bits: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) < 1 << bits):
        raise TargetFault(f"{shorten(text)} is not a number from 0 to {(1 << bits) - 1}")
    return int(text)


def _bytes_from_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise TargetFault("its last part is not hexadecimal with two digits for each byte") from None


_PARSERS: dict[str, Callable[[str, Labels], RD]] = {
    "A": _a,
    "AAAA": _aaaa,
    "CAA": _caa,
    "CNAME": _name_of(lambda name: CNAME(DNSLabel(name))),
    "DKIM": _text,
    "DMARC": _text,
    "DNAME": _name_of(UncompressedName),
    "HTTPS": parse_service_binding,
    "LOC": parse_location,
    "MX": _mx,
    "NAPTR": _naptr,
    "NS": _name_of(lambda name: NS(DNSLabel(name))),
    "PTR": _name_of(lambda name: PTR(DNSLabel(name))),
    "SPF": _text,
    "SRV": _srv,
    "SSHFP": _sshfp,
    "SVCB": parse_service_binding,
    "TLSA": _tlsa,
    "TXT": _text,
}

FIELD_TYPES = tuple(_PARSERS)
"""The types of record a zone takes. Source: wire.md 10; HTTPS and SVCB, because octodns sends them."""
