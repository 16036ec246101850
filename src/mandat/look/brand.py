"""Whose pages these are: the name, colour and mark that differ between the authority and the marketplace."""

from dataclasses import dataclass
from enum import StrEnum


class Accent(StrEnum):
    """The accent colours of the style sheet. A closed list, because each one is checked for contrast (WCAG AA)
    in light and dark, and because the pages' CSP leaves no room for a colour written into a page."""

    INDIGO = "indigo"
    TEAL = "teal"
    PLUM = "plum"


class Mark(StrEnum):
    """The little drawing beside the name; also the page's icon (`static/mark-NAME.svg`)."""

    SEAL = "seal"
    STACK = "stack"


@dataclass(frozen=True, slots=True)
class Brand:
    """`name` stands in the header and in every title; `tagline` is one short line in the footer, may be empty."""

    name: str
    accent: Accent = Accent.INDIGO
    mark: Mark = Mark.SEAL
    tagline: str = ""
