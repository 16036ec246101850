"""The versions of its stack that an installation has things of, and what their records are called.

Usually that is one. While an upgrade runs, and after one that stopped, there are two or three: the version that is
installed, and those that it is on its way to. Each thing belongs to exactly one of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mandat.marketplace.stacks.difference import Way
from mandat.marketplace.stacks.expressions import Origin, Reference
from mandat.marketplace.stacks.inputs import as_scope
from mandat.marketplace.stacks.shelf import Shelf
from mandat.marketplace.stacks.values import Stack, Step
from mandat.marketplace.stacks.yaml_text import JsonValue
from mandat.marketplace.states import StepState
from mandat.marketplace.store.values import Installation, StepRecord

REMOVAL_MARK = "-"
"""Before the id of a step that removes. No step of a document can begin so."""

Records = Mapping[str, StepRecord]


@dataclass(frozen=True, slots=True)
class Layer:
    """One version with this customer's inputs.

    Attributes:
        number: of the edition; 0 as ordered.
        ways: how each step came about while the version is not reached yet; empty for the installed one.
    """

    number: int
    stack: Stack
    inputs: Mapping[str, JsonValue]
    ways: Mapping[str, str] = field(default_factory=dict)

    def record_id(self, step_id: str) -> str:
        """What the record of an install step is called."""
        return f"{self.number}.{step_id}" if self.number else step_id

    def removal_id(self, step_id: str) -> str:
        """What the record of an uninstall step is called."""
        return REMOVAL_MARK + self.record_id(step_id)

    def owns(self, step_id: str) -> bool:
        """Whether what this step created is this version's; what is kept or changed belongs to the installed one."""
        return self.ways.get(step_id, Way.DONE) == Way.DONE

    def scope(self, records: Records) -> dict[Reference, JsonValue]:
        """What install steps may refer to."""
        scope = as_scope(self.inputs)
        for step in self.stack.install:
            record = records.get(self.record_id(step.id))
            for name, value in ((record.outputs if record else None) or {}).items():
                scope[Reference(Origin.STEP, name, step.id)] = value
        return scope

    def removal_scope(self, records: Records) -> dict[Reference, JsonValue]:
        """What uninstall steps may refer to: inputs, what installing left, and outputs of their own."""
        made, scope = self.scope(records), as_scope(self.inputs)
        for name, source in self.stack.results.items():
            if source in made and self.owns(source.step):
                scope[Reference(Origin.INSTALL, name)] = made[source]
        for step in self.stack.uninstall:
            record = records.get(self.removal_id(step.id))
            for name, value in ((record.outputs if record else None) or {}).items():
                scope[Reference(Origin.STEP, name, step.id)] = value
        return scope

    def created(self, records: Records) -> list[Step]:
        """The creating steps that are done and whose creation is this version's, removed since or not."""
        return [
            step
            for step in self.stack.install
            if step.creation is not None and self.owns(step.id) and is_done(records, self.record_id(step.id))
        ]


@dataclass(frozen=True, slots=True)
class Owned:
    """A step, and the version of the stack that it is a step of."""

    layer: Layer
    step: Step

    @property
    def id(self) -> str:
        """As the document calls it."""
        return self.step.id


def is_done(records: Records, step_id: str) -> bool:
    """Whether that record says that its step is done."""
    return step_id in records and records[step_id].state is StepState.DONE


def layers_of(shelf: Shelf, installation: Installation) -> list[Layer]:
    """The installed version first, then those it is on its way to, oldest first."""
    installed = shelf.get_ordered(installation.stack_id, installation.digest)
    return [
        Layer(installation.edition, installed, installation.inputs),
        *(
            Layer(each.number, shelf.get_ordered(installation.stack_id, each.digest), each.inputs, each.ways)
            for each in installation.pending
        ),
    ]
