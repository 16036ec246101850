"""What the console says about each section of the API: where its documents are, and which rights it can ask for."""

from collections.abc import Mapping
from dataclasses import dataclass

from mandat.authority.catalogue import Catalogue
from mandat.core.rights import Effect, effect_of
from mandat.protocol.access_rule import AccessRule
from mandat.web.descriptions.openapi import openapi_document


@dataclass(frozen=True, slots=True)
class ConsoleSection:
    """One section. `offers` has, by effect, the rules (as text) that cover all of its operations of that effect."""

    name: str
    description: str
    offers: Mapping[str, tuple[str, ...]]


class ConsoleSections:
    """The sections of a catalogue, worked out again when the catalogue changes."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._generation = -1
        self._sections: list[ConsoleSection] = []

    def all(self) -> list[ConsoleSection]:
        """In the order of their names."""
        if self._generation != self._catalogue.generation:
            self._generation = self._catalogue.generation
            self._sections = [self._section(name) for name in self._catalogue.sections()]
        return self._sections

    def _section(self, name: str) -> ConsoleSection:
        document = self._catalogue.document(name) or {}
        text = document.get("description")
        needed = [
            AccessRule(*operation["x-mandat-rule"].split(" ", 1))
            for operations in openapi_document(name, document, base_url="/")["paths"].values()
            for operation in operations.values()
            if "x-mandat-rule" in operation
        ]
        return ConsoleSection(name, text if isinstance(text, str) else "", _offers(f"/{name}", needed))


def _offers(root: str, needed: list[AccessRule]) -> dict[str, tuple[str, ...]]:
    """`/me` needs a rule of its own beside `/me/*`. Operations outside the section's own path are not offered."""
    offers: dict[str, dict[str, None]] = {}
    for rule in needed:
        by_effect = offers.setdefault(effect_of(rule).value, {})
        if rule.path == root:
            by_effect[f"{rule.method} {root}"] = None
        elif rule.path.startswith(f"{root}/"):
            by_effect[f"{rule.method} {root}/*"] = None
    return {
        effect.value: tuple(sorted(offers[effect.value], key=lambda rule: rule.endswith("/*")))
        for effect in Effect
        if offers.get(effect.value)
    }
