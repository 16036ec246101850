"""What is typed into createToken: read from a link that fills it in, from the form, and written back into it.

Rows of rights are numbered fields (`method_1`, `path_1`), so that they can be edited without a script; a row without a
path is no row. What a value means, and whether it will do, is decided in `authority.applications.personal_keys`.
Source: wire.md 3.2.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from mandat.authority.applications.personal_keys import WantedKeys
from mandat.authority.fault import Fault
from mandat.look.fields import Fields
from mandat.look.refusal import PageRefusal
from mandat.look.words import gettext as _
from mandat.protocol.access_rule import MAX_RULES, RULE_METHODS
from mandat.web.pages.validity import PRESELECTED, UNLIMITED, parse_validity

MOST_FIELDS = 2 * (MAX_RULES + 1) + 16
"""Two for each row, one row more than allowed so that it can be said, and the others."""
LONGEST_LINK_CHARACTERS = 4_000
"""Of the query. The address has to pass a login page as part of another one; about a hundred rights fit."""

_TEXTS = {
    "applicationName": "name",
    "applicationDescription": "description",
    "duration": "validity",
    "allowedIPs": "addresses",
}
_ROW = re.compile(r"(method|path)_([0-9]{1,3})")
_FAULT_OF_ROW = re.compile(r"rules\[([0-9]+)\]\.(method|path)")


@dataclass(frozen=True, slots=True)
class Row:
    """One right as typed."""

    method: str
    path: str


@dataclass(frozen=True, slots=True)
class TokenForm:
    """All that is typed. `validity` is a number of seconds or "unlimited"; blanks or commas part the `addresses`."""

    name: str = ""
    description: str = ""
    validity: str = PRESELECTED
    addresses: str = ""
    rows: tuple[Row, ...] = ()

    def wanted(self) -> WantedKeys | Fault:
        """What to ask the authority for; a fault when the validity is no length."""
        validity = parse_validity(self.validity)
        if isinstance(validity, Fault):
            return validity
        return WantedKeys(
            name=self.name,
            description=self.description,
            rules=tuple((row.method, row.path) for row in self.rows),
            addresses=tuple(re.split(r"[\s,]+", self.addresses.strip(" \t\r\n,"))) if self.addresses.strip() else (),
            validity_seconds=validity.seconds,
        )

    def hidden(self) -> list[tuple[str, str]]:
        """The fields with which `read_form` gives the same again."""
        rows = [
            (f"{name}_{number}", value)
            for number, row in enumerate(self.rows, start=1)
            for name, value in (("method", row.method), ("path", row.path))
        ]
        texts = ("name", "description", "validity", "addresses")
        return [*((name, getattr(self, name)) for name in texts), *rows]


def read_form(fields: Fields) -> TokenForm:
    """The form that was sent.

    Raises:
        PageRefusal: 400, naming the field: one of the four texts or half of a row is missing.
    """
    numbers = sorted({int(match[2]) for name in fields.values if (match := _ROW.fullmatch(name)) is not None})
    rows = [Row(fields.text(f"method_{number}"), fields.text(f"path_{number}").strip()) for number in numbers]
    return TokenForm(
        name=fields.text("name"),
        description=fields.text("description"),
        validity=fields.text("validity"),
        addresses=fields.text("addresses"),
        rows=tuple(row for row in rows if row.path),
    )


def read_link(pairs: Sequence[tuple[str, str]]) -> TokenForm:
    """The form as a link fills it in: `?GET=/me&GET=/sms/*&applicationName=...&duration=Unlimited`.

    Names that mean nothing here are left alone.

    Raises:
        PageRefusal: 400, naming the field: a text that is there twice, a link that is too long.
    """
    if len(encode_link(pairs)) > LONGEST_LINK_CHARACTERS:
        message = _("This link is too long: at most %(max)d characters. Add the other rights on the page.")
        raise PageRefusal(400, message % {"max": LONGEST_LINK_CHARACTERS})
    texts: dict[str, str] = {}
    rows = []
    for name, value in pairs:
        if name in RULE_METHODS:
            rows.append(Row(name, value))
        elif name in _TEXTS:
            if _TEXTS[name] in texts:
                raise PageRefusal(400, _('The field "%(name)s" is there twice.') % {"name": name})
            texts[_TEXTS[name]] = value
    if texts.get("validity", "").lower() == UNLIMITED:
        texts["validity"] = UNLIMITED
    return TokenForm(rows=tuple(dict.fromkeys(rows)), **texts)


def encode_link(pairs: Sequence[tuple[str, str]]) -> str:
    """The query that says `pairs`, in plain characters."""
    return urlencode([(name, value) for name, value in pairs if name in RULE_METHODS or name in _TEXTS], safe="/*")


def field_of(fault: Fault) -> str | None:
    """The form's own name of the field that a fault is about. A fault about one of several addresses is about all."""
    field = fault.field or ""
    row = _FAULT_OF_ROW.fullmatch(field)
    if row is not None:
        return f"{row[2]}_{int(row[1]) + 1}"
    if field == "rules":
        return "path_1"
    return field.partition("[")[0] or None
