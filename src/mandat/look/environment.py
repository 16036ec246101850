"""The Jinja environment of all pages: escaping always on, missing names are errors, texts pass through gettext.

A room brings its own template folders; this room's templates are reached as `look/base.html` and `look/macros.html`.
What a page must hand over: `brand` (see `look.brand`), and for the header's links `nav_items` if it has any.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined

from mandat.look.static import asset_path
from mandat.look.words import gettext, ngettext

TEMPLATES = Path(__file__).parent / "templates"


def page_environment(*template_folders: Path) -> Environment:
    """An environment that finds templates in `template_folders` (first hit wins) and in this room under `look/`.

    Filters: `iso_time` and `human_time` (Unix seconds to text, UTC), `human_span` (seconds to words).
    Globals: `asset("mandat.css")` gives the address of a static file, with its version.
    """
    own: Sequence[BaseLoader] = [FileSystemLoader(folder) for folder in template_folders]
    environment = Environment(
        loader=ChoiceLoader([*own, PrefixLoader({"look": FileSystemLoader(TEMPLATES)})]),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.globals["asset"] = asset_path
    environment.filters["iso_time"] = iso_time
    environment.filters["human_time"] = human_time
    environment.filters["human_span"] = human_span
    return environment


def iso_time(unix_seconds: float) -> str:
    """For the `datetime` attribute of `<time>`: `2027-03-04T14:05:00Z`."""
    return datetime.fromtimestamp(int(unix_seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def human_time(unix_seconds: float) -> str:
    """For people: `4 March 2027, 14:05 UTC`. Always UTC, and said so: the server does not know the reader's zone."""
    moment = datetime.fromtimestamp(int(unix_seconds), UTC)
    month = _month_names()[moment.month - 1]
    return gettext("%(day)d %(month)s %(year)d, %(clock)s UTC") % {
        "day": moment.day,
        "month": month,
        "year": moment.year,
        "clock": moment.strftime("%H:%M"),
    }


def human_span(seconds: float) -> str:
    """A length of time in its largest whole unit that loses nothing important: `90 days`, `1 hour`, `75 minutes`.

    The largest unit that divides `seconds` exactly is taken; below a minute and for odd numbers, seconds.
    """
    whole = int(seconds)
    if whole and whole % 86400 == 0:
        return _counted(whole // 86400, "day")
    if whole and whole % 3600 == 0:
        return _counted(whole // 3600, "hour")
    if whole and whole % 60 == 0:
        return _counted(whole // 60, "minute")
    return _counted(whole, "second")


def _counted(number: int, unit: str) -> str:
    forms = {
        "day": ngettext("%(num)d day", "%(num)d days", number),
        "hour": ngettext("%(num)d hour", "%(num)d hours", number),
        "minute": ngettext("%(num)d minute", "%(num)d minutes", number),
        "second": ngettext("%(num)d second", "%(num)d seconds", number),
    }
    return forms[unit] % {"num": number}


def _month_names() -> list[str]:
    return [
        gettext("January"),
        gettext("February"),
        gettext("March"),
        gettext("April"),
        gettext("May"),
        gettext("June"),
        gettext("July"),
        gettext("August"),
        gettext("September"),
        gettext("October"),
        gettext("November"),
        gettext("December"),
    ]
