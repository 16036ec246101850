"""Names and values of a form or a query, read strictly: what a browser would never send is refused, not repaired.

The framework's own reading is lenient (it keeps one of two equal names, replaces bytes that are not UTF-8), so it is
not used. Source: issue 2 "Bad input"; application/x-www-form-urlencoded as in the URL Standard, section 5.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from mandat.look.refusal import PageRefusal
from mandat.look.words import gettext as _

_ENCODED = re.compile(rb"(?:[^%]|%[0-9A-Fa-f]{2})*", re.DOTALL)
_KEPT_CONTROLS = "\t\n\r"


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one form or query, each name once."""

    values: Mapping[str, str]

    def text(self, name: str) -> str:
        """The value of a field that must be there.

        Raises:
            PageRefusal: 400, naming the field, when it is missing.
        """
        value = self.values.get(name)
        if value is None:
            raise PageRefusal(400, _('The field "%(name)s" is missing.') % {"name": name})
        return value

    def find(self, name: str) -> str | None:
        """The value, or None when the field is not there."""
        return self.values.get(name)

    def without(self, *names: str) -> dict[str, str]:
        """All other fields."""
        return {name: value for name, value in self.values.items() if name not in names}

    def number(self, name: str) -> int | None:
        """The value as an id: 1 to 18 ASCII digits. None when the field is not there.

        Raises:
            PageRefusal: 400, naming the field, when it is anything else.
        """
        value = self.values.get(name)
        if value is None:
            return None
        if re.fullmatch(r"[0-9]{1,18}", value) is None:
            raise PageRefusal(400, _('The field "%(name)s" must be a number.') % {"name": name})
        return int(value)


def parse_fields(encoded: bytes, *, max_fields: int) -> Fields:
    """Reads `name=value&name=value`, each name once.

    Raises:
        PageRefusal: 400, naming the field: a name twice, and as `parse_pairs`.
    """
    values: dict[str, str] = {}
    for name, value in parse_pairs(encoded, max_fields=max_fields):
        if name in values:
            raise PageRefusal(400, _('The field "%(name)s" is there twice.') % {"name": _shown(name)})
        values[name] = value
    return Fields(values)


def parse_pairs(encoded: bytes, *, max_fields: int) -> list[tuple[str, str]]:
    """Reads `name=value&name=value`, where names may repeat.

    Raises:
        PageRefusal: 400, naming the field: too many fields, a broken escape, bytes that are not UTF-8, a control
            character other than tab and line ends.
    """
    pairs = [pair for pair in encoded.split(b"&") if pair]
    if len(pairs) > max_fields:
        raise PageRefusal(400, _("There are more fields than any of our forms has."))
    read = []
    for pair in pairs:
        raw_name, _equals, raw_value = pair.partition(b"=")
        name = _decoded(raw_name)
        if name is None:
            raise PageRefusal(400, _("A field has a name that is not text in UTF-8."))
        value = _decoded(raw_value)
        if value is None:
            raise PageRefusal(400, _('The field "%(name)s" is not text in UTF-8.') % {"name": _shown(name)})
        read.append((name, value))
    return read


def _decoded(raw: bytes) -> str | None:
    if _ENCODED.fullmatch(raw) is None:
        return None
    try:
        text = unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError:
        return None
    if any(unicodedata.category(character) == "Cc" and character not in _KEPT_CONTROLS for character in text):
        return None
    return text


def _shown(name: str) -> str:
    return name if len(name) <= 40 else name[:40] + "..."
