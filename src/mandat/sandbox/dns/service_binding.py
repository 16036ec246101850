"""SVCB and HTTPS records from text to record data. Source: RFC 9460 2 and 7, appendix A for the text form.

dnslib serves the data; its text reader knows an older draft (`echconfig`) and keeps the written order of the
parameters, which RFC 9460 2.2 wants sorted, so the text is read here.
"""

import base64
import binascii
import re
import struct
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

from dnslib import HTTPS, RD

from mandat.sandbox.dns.names import Labels, TargetFault, parse_host, shorten

_KEYS = {
    "mandatory": 0, "alpn": 1, "no-default-alpn": 2, "port": 3, "ipv4hint": 4, "ech": 5, "ipv6hint": 6, "dohpath": 7,
}  # fmt: skip
_PARAMETER = re.compile(r'([a-z0-9-]{1,63})(?:=(?:"([^"\\]*)"|([^\s"\\]*)))?', re.ASCII)
_OTHER_KEY = re.compile(r"key(0|[1-9]\d{0,4})", re.ASCII)


def parse_service_binding(target: str, zone: Labels) -> RD:
    """The record data of a target such as `1 . alpn=h2,h3 port=8443`.

    Raises:
        TargetFault: priority, host or a parameter is not what RFC 9460 asks for.
    """
    priority, _, rest = target.partition(" ")
    host, _, text = rest.partition(" ")
    if not (priority.isascii() and priority.isdigit() and len(priority) <= 5 and int(priority) < 1 << 16 and host):
        raise TargetFault("it needs a priority, a host and parameters, for example 1 . alpn=h2,h3")
    parameters = _parse_parameters(text)
    if priority == "0" and parameters:
        raise TargetFault("priority 0 names another host and takes no parameters")
    return HTTPS(int(priority), parse_host(host, zone), sorted(parameters.items()))


def _parse_parameters(text: str) -> dict[int, bytes]:
    parameters: dict[int, bytes] = {}
    position, text = 0, text.strip(" ")
    while position < len(text):
        match = _PARAMETER.match(text, position)
        if match is None or text[match.end() : match.end() + 1] not in ("", " "):
            raise TargetFault(f"its parameters cannot be read from {shorten(text[position:])!r} on")
        name, quoted, plain = match.groups()
        key = _key_number(name)
        if key in parameters:
            raise TargetFault(f"{name} is given twice")
        try:
            parameters[key] = _value_bytes(key, quoted if quoted is not None else plain)
        except (ValueError, binascii.Error, struct.error):
            raise TargetFault(f"{name} has a wrong value") from None
        position = len(text) - len(text[match.end() :].lstrip(" "))
    _check_mandatory(parameters)
    return parameters


def _check_mandatory(parameters: dict[int, bytes]) -> None:
    data = parameters.get(0, b"")
    wanted = [number for (number,) in struct.iter_unpack("!H", data)]
    if len(set(wanted)) != len(wanted) or 0 in wanted or any(number not in parameters for number in wanted):
        raise TargetFault("mandatory names a parameter that is missing, twice or mandatory itself")


def _key_number(name: str) -> int:
    if name in _KEYS:
        return _KEYS[name]
    match = _OTHER_KEY.fullmatch(name)
    if match is None or int(match[1]) >= 1 << 16:
        raise TargetFault(f"{name} is not a parameter of such a record")
    return int(match[1])


def _value_bytes(key: int, value: str | None) -> bytes:
    """Raises ValueError or struct.error when `value` does not fit `key`."""
    if key == _KEYS["no-default-alpn"]:
        if value:
            raise ValueError(value)
        return b""
    if key not in _VALUES:
        return (value or "").encode()
    if not value:
        raise ValueError(value)
    return _VALUES[key](value)


def _mandatory(text: str) -> bytes:
    return b"".join(struct.pack("!H", number) for number in sorted(map(_key_number, text.split(","))))


def _protocols(text: str) -> bytes:
    names = [name.encode() for name in text.split(",")]
    if not all(0 < len(name) < 256 for name in names):
        raise ValueError(text)
    return b"".join(bytes([len(name)]) + name for name in names)


def _hello_configurations(text: str) -> bytes:
    """An ECHConfigList: readers refuse the whole message when its length is wrong (RFC 9848 2)."""
    data = base64.b64decode(text, validate=True)
    if len(data) < 6 or int.from_bytes(data[:2]) != len(data) - 2:
        raise ValueError(text)
    return data


def _port(text: str) -> bytes:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return struct.pack("!H", int(text))


_VALUES: dict[int, Callable[[str], bytes]] = {
    _KEYS["mandatory"]: _mandatory,
    _KEYS["alpn"]: _protocols,
    _KEYS["port"]: _port,
    _KEYS["ipv4hint"]: lambda text: b"".join(IPv4Address(one).packed for one in text.split(",")),
    _KEYS["ech"]: _hello_configurations,
    _KEYS["ipv6hint"]: lambda text: b"".join(IPv6Address(one).packed for one in text.split(",")),
    _KEYS["dohpath"]: lambda text: text.encode(),
}
