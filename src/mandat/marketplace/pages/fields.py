"""Names and values of a form or a query, read strictly: what a browser would never send is refused, not repaired."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from mandat.look.words import gettext as _

MAX_FORM_BYTES = 32 * 1024
"""The largest form is an order with a long key."""
MAX_FIELDS = 50
"""A stack has at most 40 inputs."""

_ENCODED = re.compile(rb"(?:[^%]|%[0-9A-Fa-f]{2})*", re.DOTALL)


class PageRefusal(Exception):
    """The request cannot be worked with: answer with an error page.

    Args:
        status: the HTTP status, 400 to 503.
        message: what is wrong, safe to show; names the field where there is one.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one form or query, each name once."""

    values: Mapping[str, str]

    def text(self, name: str) -> str:
        """A field that must be there. Raises PageRefusal (400) naming it."""
        if name not in self.values:
            raise PageRefusal(400, _('The field "%(name)s" is missing.') % {"name": name})
        return self.values[name]

    def without(self, *names: str) -> dict[str, str]:
        """All other fields."""
        return {name: value for name, value in self.values.items() if name not in names}


def parse_fields(encoded: bytes) -> Fields:
    """Reads `name=value&name=value`.

    Raises:
        PageRefusal: 400 for too many fields, a name twice, a broken escape, bytes that are not UTF-8, a control
            character other than tab and line ends.
    """
    values: dict[str, str] = {}
    pairs = [pair for pair in encoded.split(b"&") if pair]
    if len(pairs) > MAX_FIELDS:
        raise PageRefusal(400, _("There are more fields than any of our forms has."))
    for pair in pairs:
        raw_name, _equals, raw_value = pair.partition(b"=")
        name, value = _decoded(raw_name), _decoded(raw_value)
        if name is None:
            raise PageRefusal(400, _("A field has a name that is not text in UTF-8."))
        if value is None:
            raise PageRefusal(400, _('The field "%(name)s" is not text in UTF-8.') % {"name": name[:40]})
        if name in values:
            raise PageRefusal(400, _('The field "%(name)s" is there twice.') % {"name": name[:40]})
        values[name] = value
    return Fields(values)


def _decoded(raw: bytes) -> str | None:
    if _ENCODED.fullmatch(raw) is None:
        return None
    try:
        text = unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError:
        return None
    if any(unicodedata.category(character) == "Cc" and character not in "\t\n\r" for character in text):
        return None
    return text
