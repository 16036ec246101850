"""The form of the one table: sections of resources of operations, with models for their values.

The table itself stands in `operations`. Routing, argument checking and the description documents all read it, so that
what is described is what happens. Source: OVH's description format, wire.md 7.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from mandat.protocol.refusals import Reason
from mandat.protocol.strict_json import JsonValue
from mandat.sandbox.effects import Effects


@dataclass(frozen=True, slots=True)
class Answered:
    """A call that succeeded. `value` None is OVH's void: the four bytes `null` (wire.md 13.3)."""

    value: JsonValue = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A call that did not succeed and changed nothing. `field` names the parameter it failed on, if one."""

    reason: Reason
    message: str | None = None
    field: str | None = None


Answer = Answered | Refused


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a call gave, checked against the table: by name, without what was null.

    `record_id` and the like arrive in `path` as int, texts as str.
    """

    path: dict[str, str | int]
    query: dict[str, str]
    body: dict[str, JsonValue]


class Hosting(Protocol):
    """What runs instances, as far as handlers need to know it."""

    @property
    def http_port(self) -> int:
        """The port that every instance serves its site on."""

    def obstacle(self) -> str | None:
        """Why instances cannot run here, as a sentence with the command that helps; None when they can."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a handler works: inside one transaction, for one account. `now` is Unix seconds.

    `effects` collects what is to happen outside the database once the transaction is committed. `doomed`: the fault
    switch wants that what this call starts ends in an error.
    """

    connection: sqlite3.Connection
    account: str
    now: float
    entropy: Callable[[int], bytes]
    hosting: Hosting
    effects: Effects = field(default_factory=Effects)
    doomed: bool = False


Handler = Callable[[Desk, Arguments], Answer]
Place = Literal["path", "query", "body"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. `type` is a data type or a model's name; a body parameter without a name is the whole body."""

    name: str
    type: str
    place: Place
    description: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one resource. `description` is a sentence that also the consent page shows to customers.

    `honours_keys`: an Idempotency-Key makes a repetition harmless. `starts_work`: its answer comes before the end of
    what it starts, so that the fault switch can let that end in an error.
    """

    method: str
    description: str
    response_type: str
    action: str
    handler: Handler
    parameters: tuple[Parameter, ...] = ()
    honours_keys: bool = False
    starts_work: bool = False

    def at(self, place: Place) -> tuple[Parameter, ...]:
        """The parameters that travel in `place`."""
        return tuple(parameter for parameter in self.parameters if parameter.place == place)


@dataclass(frozen=True, slots=True)
class Resource:
    """One path below the version, such as `/domain/zone/{zoneName}`, and what can be done with it."""

    path: str
    description: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Property:
    """One member of a model. `required` counts where the model is sent, not where it is answered."""

    name: str
    type: str
    description: str
    nullable: bool = False
    read_only: bool = False
    required: bool = False


@dataclass(frozen=True, slots=True)
class Model:
    """An object (`properties`) or a closed list of texts (`values`), by its full name such as `domain.zone.Record`."""

    name: str
    description: str
    properties: tuple[Property, ...] = ()
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """One product: its name is the first segment of its paths and of its description document."""

    name: str
    description: str
    resources: tuple[Resource, ...]
    models: tuple[Model, ...]
