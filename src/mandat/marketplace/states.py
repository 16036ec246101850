"""The life of an installation, as a table. Nothing else changes a state."""

from enum import StrEnum


class State(StrEnum):
    """Where an installation stands. The values are stored; they never change."""

    AWAITING_PERMISSION = "awaiting_permission"
    RUNNING = "running"
    NEEDS_PERMISSION = "needs_permission"
    FAILED = "failed"
    INSTALLED = "installed"


class Event(StrEnum):
    """What happens to it."""

    ASKED = "asked"  # the customer was sent to the provider with a permission request
    GRANTED = "granted"  # she came back, and this browser had asked
    LOST = "lost"  # the provider says that the permission does not hold
    BROKE = "broke"  # a step was refused for another reason, or the provider did not answer for long
    RETRIED = "retried"  # the customer wants the failed step tried again
    FINISHED = "finished"  # every step is done


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.AWAITING_PERMISSION, Event.ASKED): State.AWAITING_PERMISSION,
    (State.AWAITING_PERMISSION, Event.GRANTED): State.RUNNING,
    (State.AWAITING_PERMISSION, Event.LOST): State.NEEDS_PERMISSION,
    (State.RUNNING, Event.LOST): State.NEEDS_PERMISSION,
    (State.RUNNING, Event.BROKE): State.FAILED,
    (State.RUNNING, Event.FINISHED): State.INSTALLED,
    (State.NEEDS_PERMISSION, Event.ASKED): State.AWAITING_PERMISSION,
    (State.NEEDS_PERMISSION, Event.GRANTED): State.RUNNING,
    (State.FAILED, Event.RETRIED): State.RUNNING,
    (State.FAILED, Event.ASKED): State.AWAITING_PERMISSION,
}
"""An event that is not listed for a state changes nothing: it came too late, or twice."""

STARTS_AN_ATTEMPT = frozenset({Event.GRANTED, Event.RETRIED})
"""Each attempt is one run of the engine; its number tells late news of an earlier run from news of this one."""


def sources(event: Event) -> dict[State, State]:
    """From each state that `event` leads away from to the one it leads to."""
    return {state: target for (state, happened), target in TRANSITIONS.items() if happened is event}


class StepState(StrEnum):
    """Where one step stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
