"""How long a delegation shall last: what the page offers, and how the form's field is read.

The limits themselves are `authority.consent`'s. Source: issue 2 (1 hour to unlimited, 90 days preselected).
"""

import re
from dataclasses import dataclass

from mandat.authority.consent import VALIDITY_MAX_SECONDS, VALIDITY_MIN_SECONDS
from mandat.authority.fault import Fault
from mandat.look.environment import human_span
from mandat.look.words import gettext as _
from mandat.protocol.refusals import Reason

UNLIMITED = "unlimited"
PRESELECTED = "7776000"
_OFFERED = ("3600", "86400", "604800", "2592000", PRESELECTED, "31536000")
_SECONDS = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Validity:
    """What the customer chose; None means unlimited."""

    seconds: int | None


@dataclass(frozen=True, slots=True)
class ValidityOptions:
    """The list on the page: (value, text) and the value that is selected."""

    options: list[tuple[str, str]]
    selected: str


def parse_validity(text: str) -> Validity | Fault:
    """Reads the field: a number of seconds in ASCII digits, or "unlimited"."""
    if text == UNLIMITED:
        return Validity(None)
    if _SECONDS.fullmatch(text) is None:
        message = _('The validity must be a number of seconds from 60 up, or "unlimited"')
        return Fault(Reason.BAD_PARAMETER, message, "validity")
    return Validity(int(text))


def validity_options(typed: str | None, *, unlimited_allowed: bool) -> ValidityOptions:
    """The lengths to choose from; what was `typed` before is kept when it is a length."""
    options = [(value, _("1 year") if value == "31536000" else human_span(int(value))) for value in _OFFERED]
    if typed is not None and typed not in _OFFERED and _is_length(typed):
        options.append((typed, human_span(int(typed))))
    if unlimited_allowed:
        options.append((UNLIMITED, _("Until I take it back")))
    known = {value for value, _text in options}
    return ValidityOptions(options, typed if typed is not None and typed in known else PRESELECTED)


def _is_length(typed: str) -> bool:
    return _SECONDS.fullmatch(typed) is not None and VALIDITY_MIN_SECONDS <= int(typed) <= VALIDITY_MAX_SECONDS
