"""LOC records: where on earth a name is, from text to the 16 bytes of RFC 1876.

dnslib's own class goes through floating point and loses the last thousandth of a second, hence integers here.
"""

import re
import struct
from decimal import Decimal

from dnslib import RD

from mandat.sandbox.dns.names import Labels, TargetFault

_LOCATION = re.compile(
    r"(?P<north>[0-9. ]+) (?P<ns>[NS]) (?P<east>[0-9. ]+) (?P<ew>[EW]) (?P<altitude>-?\d{1,8}(?:\.\d{1,2})?)m?"
    r"(?: (?P<size>\d{1,8}(?:\.\d{1,2})?)m?)?(?: (?P<across>\d{1,8}(?:\.\d{1,2})?)m?)?"
    r"(?: (?P<up>\d{1,8}(?:\.\d{1,2})?)m?)?",
    re.ASCII,
)
_ANGLE = re.compile(r"(\d{1,3})(?: (\d{1,2})(?: (\d{1,2}(?:\.\d{1,3})?))?)?", re.ASCII)
_EQUATOR = 1 << 31  # RFC 1876 2: thousandths of a second of arc are counted from here
_BELOW_SEA_CENTIMETRES = 10_000_000  # RFC 1876 2: altitudes are counted from 100,000 m below the reference
_SIZE, _ACROSS, _UP = Decimal(1), Decimal(10_000), Decimal(10)  # metres, the defaults of RFC 1876 3


def parse_location(target: str, zone: Labels) -> RD:
    """The record data of a LOC target such as `48 51 29.4 N 2 17 40.2 E 330m`. `zone` plays no part.

    Raises:
        TargetFault: not a place, or one outside the globe.
    """
    match = _LOCATION.fullmatch(target)
    if match is None:
        raise TargetFault("it is not a place such as 48 51 29.4 N 2 17 40.2 E 330m")
    latitude = _angle(match["north"], 90) * (1 if match["ns"] == "N" else -1)
    longitude = _angle(match["east"], 180) * (1 if match["ew"] == "E" else -1)
    altitude = int(Decimal(match["altitude"]) * 100) + _BELOW_SEA_CENTIMETRES
    if not 0 <= altitude < 1 << 32:
        raise TargetFault("its altitude is out of range")
    lengths = [
        _length(Decimal(match[name]) if match[name] else default)
        for name, default in (("size", _SIZE), ("across", _ACROSS), ("up", _UP))
    ]
    return RD(struct.pack("!BBBBIII", 0, *lengths, _EQUATOR + latitude, _EQUATOR + longitude, altitude))


def _angle(text: str, limit_degrees: int) -> int:
    match = _ANGLE.fullmatch(text)
    if match is None:
        raise TargetFault("an angle in it is not degrees, minutes and seconds")
    degrees, minutes, seconds = int(match[1]), int(match[2] or 0), Decimal(match[3] or 0)
    angle = int((degrees * 3600 + minutes * 60 + seconds) * 1000)
    if minutes > 59 or seconds >= 60 or angle > limit_degrees * 3_600_000:
        raise TargetFault("an angle in it is out of range")
    return angle


def _length(metres: Decimal) -> int:
    """A length as RFC 1876 packs it: one digit and a power of ten, in centimetres."""
    digit, power = int(metres * 100), 0
    while digit > 9:
        digit, power = digit // 10, power + 1
    if power > 9:
        raise TargetFault("a length in it is out of range")
    return digit << 4 | power
