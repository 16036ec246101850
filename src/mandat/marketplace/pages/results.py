"""What an installation created, as its page lists it: what it says now, its number, a command to see it with."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mandat.marketplace.installs.layers import Layer, Records, is_done
from mandat.marketplace.installs.ledger import is_removed
from mandat.marketplace.pages.frame.page import Page
from mandat.marketplace.stacks.difference import Way
from mandat.marketplace.stacks.expressions import resolve_text
from mandat.marketplace.stacks.inputs import as_scope
from mandat.marketplace.stacks.values import Creation, Step
from mandat.marketplace.stacks.yaml_text import JsonValue
from mandat.marketplace.store.values import StepRecord


@dataclass(frozen=True, slots=True)
class ShownResult:
    """One line of what was created. `check` is a command to see it with, or ""."""

    what: str
    name: str
    value: str
    ids: str
    check: str
    removed: bool


def results_of(page: Page, layer: Layer, layers: Sequence[Layer], records: Records) -> list[ShownResult]:
    """What one version created, as it is now. `layers`: all that the installation has things of."""
    results = []
    for created in layer.created(records):
        record = records[layer.record_id(created.id)]
        step, inputs = _as_it_is(created, layer, layers, records)
        if step.creation is None:
            continue
        scope = as_scope(inputs)
        name = resolve_text(step.creation.name, scope)
        results.append(
            ShownResult(
                what=step.creation.what,
                name=name,
                value=resolve_text(step.creation.value, scope),
                ids=ids_of(record),
                check=dig_line(step.creation, name, page.site.settings.dns_server),
                removed=is_removed(layer, records, created),
            )
        )
    return results


def _as_it_is(
    step: Step, layer: Layer, layers: Sequence[Layer], records: Records
) -> tuple[Step, Mapping[str, JsonValue]]:
    """The step of the last version that changed in place what `step` created, with that version's inputs."""
    found, inputs = step, layer.inputs
    for later in layers:
        changed = later.ways.get(step.id) == Way.CHANGED and is_done(records, later.record_id(step.id))
        if changed and layer is layers[0]:
            found = next(each for each in later.stack.install if each.id == step.id)
            inputs = later.inputs
    return found, inputs


def ids_of(record: StepRecord) -> str:
    """What the provider calls what a step created."""
    return ", ".join(str(value) for value in (record.outputs or {}).values())


def dig_line(creation: Creation, name: str, dns_server: str | None) -> str:
    """The command that shows a DNS record; "" where there is none. `dns_server` is "HOST:PORT" or None."""
    if creation.dns is None:
        return ""
    words = ["dig", "+short"]
    if dns_server:
        host, _, port = dns_server.rpartition(":")
        words += [f"@{host.strip('[]')}", "-p", port]
    return shlex.join([*words, name, creation.dns])
