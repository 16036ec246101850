"""Every pair of colours that carries text or marks a control, in light and dark and for each accent: WCAG 2.2 AA."""

import re

import pytest

from mandat.look.brand import Accent
from mandat.look.static import STATIC_FILES

CSS = STATIC_FILES["/static/mandat.css"].content.decode()
DARK_START = CSS.index("@media (prefers-color-scheme: dark)")
DARK = CSS[DARK_START : CSS.index("/* ---------- ground", DARK_START)]
LIGHT = CSS[:DARK_START]

TEXT = [
    ("ink", "ground"),
    ("ink", "surface"),
    ("ink", "sunken"),
    ("ink", "accent-ground"),
    ("muted", "ground"),
    ("muted", "surface"),
    ("muted", "sunken"),
    ("accent-ink", "ground"),
    ("accent-ink", "surface"),
    ("accent-ink", "accent-ground"),
    ("on-accent", "accent"),
    ("on-accent", "accent-hover"),
    ("on-danger", "danger"),
    ("on-danger", "danger-hover"),
    ("error-ink", "surface"),
    ("error-ink", "ground"),
    *((f"{kind}-ink", f"{kind}-ground") for kind in ("info", "success", "warning", "error")),
]
CONTROLS = [("edge", "surface"), ("edge", "ground"), ("accent", "surface"), ("accent-ink", "sunken")]


def colours(sheet: str, accent: Accent) -> dict[str, str]:
    """The variables of one scheme and accent."""
    found: dict[str, str] = {}
    for selector, body in re.findall(r"([^{}]*)\{([^{}]*)\}", sheet):
        if selector.strip().endswith(":root") or f'[data-accent="{accent.value}"]' in selector:
            found.update(re.findall(r"--([a-z-]+):\s*(#[0-9a-f]{6});", body))
    return found


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """From 1 to 21."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("accent", list(Accent))
@pytest.mark.parametrize("sheet", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_controls_have_the_contrast_of_aa(sheet: str, accent: Accent) -> None:
    known = colours(sheet, accent)
    faults = [
        f"{front} on {back}: {contrast(known[front], known[back]):.2f}"
        for pairs, least in ((TEXT, 4.5), (CONTROLS, 3.0))
        for front, back in pairs
        if contrast(known[front], known[back]) < least
    ]
    assert faults == []


def test_the_measure_knows_black_on_white() -> None:
    assert round(contrast("#000000", "#ffffff"), 1) == 21.0
