"""What all page handlers share for the life of the process: use cases, templates, secrets of forms, small memories."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2

from mandat.authority.service import Authority
from mandat.look.brand import Brand
from mandat.look.environment import page_environment
from mandat.look.form_token import FormTokens
from mandat.look.words import gettext as _
from mandat.web.console.files import console_path
from mandat.web.console.sections import ConsoleSections
from mandat.web.pages.frame.memories import Misses, OnceShown, Onward
from mandat.web.settings import PageSettings

TEMPLATES = Path(__file__).parents[1] / "templates"
CONSOLE_TEMPLATES = Path(__file__).parents[2] / "console" / "templates"


@dataclass(frozen=True, slots=True)
class Site:
    """Made once by `build_site`. The memories are of this process only: losing them costs a reader one more click.

    `boot` tells this process from the one before it: a form that must not be sent twice is bound to it.
    """

    authority: Authority
    settings: PageSettings
    templates: jinja2.Environment
    tokens: FormTokens
    brand: Brand
    once_shown: OnceShown
    onward: Onward
    misses: Misses
    console_sections: ConsoleSections
    boot: str


def build_site(authority: Authority, settings: PageSettings) -> Site:
    """Puts the pages' tools together. Raises ValueError when the form secret is too short."""
    return Site(
        authority=authority,
        settings=settings,
        templates=_templates(),
        tokens=FormTokens(settings.form_secrets or settings.form_secret),
        brand=Brand(settings.product_name, tagline=_("You decide who may act on your account")),
        once_shown=OnceShown(authority.clock),
        onward=Onward(authority.clock),
        misses=Misses(authority.clock),
        console_sections=ConsoleSections(authority.catalogue),
        boot=authority.entropy(8).hex(),
    )


@cache
def _templates() -> jinja2.Environment:
    """Compiled once for each process, however many sites it has."""
    environment = page_environment(TEMPLATES, CONSOLE_TEMPLATES)
    environment.globals["console_asset"] = console_path
    return environment
