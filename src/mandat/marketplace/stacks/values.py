"""What a compiled stack is: frozen values, nothing left to interpret but references."""

from dataclasses import dataclass, field

from mandat.marketplace.stacks.expressions import Reference, Template, Value
from mandat.marketplace.stacks.inputs import Inputs
from mandat.marketplace.stacks.operations import Operation
from mandat.marketplace.stacks.yaml_text import JsonValue

Words = str | Reference | Template
"""Text for people, with inputs embedded."""


@dataclass(frozen=True, slots=True)
class Output:
    """A value taken from a step's answer. `pointer` is a JSON pointer (RFC 6901) as its unescaped tokens."""

    name: str
    pointer: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Creation:
    """What a step brings into being, for the preview and the result page.

    Attributes:
        what: kind of thing, "MX record".
        name: where it will be found, "example.org".
        value: what it will say.
        dns: the record type to ask a name server for, or None where `dig` cannot show it.
    """

    what: str
    name: Words
    value: Words
    dns: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """How what a step created becomes what another version of the stack would create, without being made anew.

    Attributes:
        words, right: as of a step.
        path_values: complete; one of them names what was created by an output of the creating step itself.
        members: of the creating step's body: those that the change sends. What differs elsewhere cannot be changed.
    """

    words: Words
    right: Words
    operation: Operation
    path_values: dict[str, Words]
    members: tuple[str, ...]
    success: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """A member of the answer's body that must have one value."""

    pointer: tuple[str, ...]
    value: JsonValue


@dataclass(frozen=True, slots=True)
class Retry:
    """Waiting: look again after so many seconds, so many times at most, as long as `condition` holds (None: anyway)."""

    after_seconds: float
    limit: int
    condition: Condition | None


@dataclass(frozen=True, slots=True)
class Pick:
    """The first item of the list at `pointer` whose members have these values."""

    pointer: tuple[str, ...]
    where: dict[str, Value]


@dataclass(frozen=True, slots=True)
class Health:
    """What must answer once everything is there: a page at an address that a step named, asked for under `host`."""

    words: Words
    host: Words
    address: Reference
    port: Reference | int
    retry: Retry


@dataclass(frozen=True, slots=True)
class Step:
    """One call.

    Attributes:
        path_values, query_values: by parameter name; path values are complete.
        payload: the JSON body; None sends none.
        success: status codes that mean it worked. `conditions`: what its body must say besides.
        retry: how long to wait for the conditions. `pick`: the item of a list that outputs are taken from.
        fallbacks: outputs that the answer may lack.
        change: how an upgrade changes in place what this step created; None: it is made anew.
        words: what the step does. `right`: what the right it needs allows, in words.
    """

    id: str
    words: Words
    right: Words
    operation: Operation
    path_values: dict[str, Words]
    query_values: dict[str, Words]
    payload: Value
    has_payload: bool
    success: tuple[int, ...]
    outputs: tuple[Output, ...]
    creation: Creation | None
    conditions: tuple[Condition, ...] = ()
    retry: Retry | None = None
    pick: Pick | None = None
    fallbacks: dict[str, JsonValue] = field(default_factory=dict)
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class Stack:
    """A compiled stack document.

    Attributes:
        id: the document's file name without its ending.
        digest: SHA-256 of the document's text, as hex: which document an installation was ordered from.
        install: steps in order. `uninstall`: the steps that undo it; their rights are asked for then, not now.
        results: the install workflow's outputs, which `uninstall` refers to.
        source: the document's text.
        health: what has to answer in the end; None when nothing has.
    """

    id: str
    digest: str
    title: str
    summary: str
    description: str
    version: str
    publisher: str
    category: str
    inputs: Inputs
    install: tuple[Step, ...]
    uninstall: tuple[Step, ...]
    results: dict[str, Reference]
    source: str
    health: Health | None = None

    @property
    def number(self) -> tuple[int, ...]:
        """The version as something that can be compared."""
        return tuple(int(part) for part in self.version.split("."))
