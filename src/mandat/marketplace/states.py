"""The life of an installation, as a table. Nothing else changes a state."""

from enum import StrEnum


class State(StrEnum):
    """Where an installation stands. The values are stored; they never change."""

    AWAITING_PERMISSION = "awaiting_permission"
    RUNNING = "running"
    CANCELLING = "cancelling"
    NEEDS_PERMISSION = "needs_permission"
    FAILED = "failed"
    KEPT = "kept"
    INSTALLED = "installed"
    AWAITING_REMOVAL = "awaiting_removal"
    REMOVING = "removing"
    REMOVAL_FAILED = "removal_failed"
    REMOVED = "removed"
    AWAITING_UPGRADE = "awaiting_upgrade"
    UPGRADING = "upgrading"
    UPGRADE_FAILED = "upgrade_failed"


class Event(StrEnum):
    """What happens to it."""

    ASKED = "asked"  # the customer was sent to the provider with a permission request
    GRANTED = "granted"  # she came back, and this browser had asked
    LOST = "lost"  # the provider says that the permission does not hold
    BROKE = "broke"  # a step was refused for another reason, or the provider did not answer for long
    CANCELLED = "cancelled"  # the customer wants no further step; the one that is on its way is seen to its end
    RETRIED = "retried"  # the customer wants the failed step tried again
    FINISHED = "finished"  # every step is done
    KEPT = "kept"  # the customer wants what is there left as it is
    REMOVAL_ASKED = "removal_asked"  # the customer was sent to the provider with a request for deletion rights
    UPGRADE_ASKED = "upgrade_asked"  # the customer was sent to the provider with a request for what an upgrade takes
    DROPPED = "dropped"  # a removal or an upgrade that had not begun will not be


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.AWAITING_PERMISSION, Event.ASKED): State.AWAITING_PERMISSION,
    (State.AWAITING_PERMISSION, Event.GRANTED): State.RUNNING,
    (State.AWAITING_PERMISSION, Event.LOST): State.NEEDS_PERMISSION,
    (State.RUNNING, Event.LOST): State.NEEDS_PERMISSION,
    (State.RUNNING, Event.BROKE): State.FAILED,
    (State.RUNNING, Event.FINISHED): State.INSTALLED,
    (State.RUNNING, Event.CANCELLED): State.CANCELLING,
    (State.CANCELLING, Event.LOST): State.NEEDS_PERMISSION,
    (State.CANCELLING, Event.BROKE): State.FAILED,
    (State.CANCELLING, Event.FINISHED): State.INSTALLED,
    (State.NEEDS_PERMISSION, Event.ASKED): State.AWAITING_PERMISSION,
    (State.NEEDS_PERMISSION, Event.GRANTED): State.RUNNING,
    (State.NEEDS_PERMISSION, Event.KEPT): State.KEPT,
    (State.NEEDS_PERMISSION, Event.REMOVAL_ASKED): State.AWAITING_REMOVAL,
    (State.FAILED, Event.RETRIED): State.RUNNING,
    (State.FAILED, Event.ASKED): State.AWAITING_PERMISSION,
    (State.FAILED, Event.KEPT): State.KEPT,
    (State.FAILED, Event.REMOVAL_ASKED): State.AWAITING_REMOVAL,
    (State.KEPT, Event.REMOVAL_ASKED): State.AWAITING_REMOVAL,
    (State.INSTALLED, Event.REMOVAL_ASKED): State.AWAITING_REMOVAL,
    (State.AWAITING_REMOVAL, Event.REMOVAL_ASKED): State.AWAITING_REMOVAL,
    (State.AWAITING_REMOVAL, Event.GRANTED): State.REMOVING,
    (State.AWAITING_REMOVAL, Event.KEPT): State.KEPT,
    (State.AWAITING_REMOVAL, Event.DROPPED): State.INSTALLED,
    (State.REMOVING, Event.LOST): State.REMOVAL_FAILED,
    (State.REMOVING, Event.BROKE): State.REMOVAL_FAILED,
    (State.REMOVING, Event.FINISHED): State.REMOVED,
    (State.REMOVAL_FAILED, Event.REMOVAL_ASKED): State.AWAITING_REMOVAL,
    (State.REMOVAL_FAILED, Event.GRANTED): State.REMOVING,
    (State.REMOVAL_FAILED, Event.RETRIED): State.REMOVING,
    (State.REMOVAL_FAILED, Event.KEPT): State.KEPT,
    (State.INSTALLED, Event.UPGRADE_ASKED): State.AWAITING_UPGRADE,
    (State.AWAITING_UPGRADE, Event.UPGRADE_ASKED): State.AWAITING_UPGRADE,
    (State.AWAITING_UPGRADE, Event.GRANTED): State.UPGRADING,
    (State.AWAITING_UPGRADE, Event.DROPPED): State.INSTALLED,
    (State.AWAITING_UPGRADE, Event.KEPT): State.KEPT,
    (State.UPGRADING, Event.LOST): State.UPGRADE_FAILED,
    (State.UPGRADING, Event.BROKE): State.UPGRADE_FAILED,
    (State.UPGRADING, Event.FINISHED): State.INSTALLED,
    (State.UPGRADE_FAILED, Event.UPGRADE_ASKED): State.AWAITING_UPGRADE,
    (State.UPGRADE_FAILED, Event.GRANTED): State.UPGRADING,
    (State.UPGRADE_FAILED, Event.RETRIED): State.UPGRADING,
    (State.UPGRADE_FAILED, Event.DROPPED): State.INSTALLED,
    (State.UPGRADE_FAILED, Event.KEPT): State.KEPT,
    (State.UPGRADE_FAILED, Event.REMOVAL_ASKED): State.AWAITING_REMOVAL,
}
"""An event that is not listed for a state changes nothing: it came too late, or twice."""

STARTS_AN_ATTEMPT = frozenset({Event.GRANTED, Event.RETRIED})
"""Each attempt is one run of the engine; its number tells late news of an earlier run from news of this one."""

AT_WORK = frozenset({State.RUNNING, State.CANCELLING, State.REMOVING, State.UPGRADING})
"""The engine has something to do."""

REMOVAL = frozenset({State.AWAITING_REMOVAL, State.REMOVING, State.REMOVAL_FAILED, State.REMOVED})
"""It is about taking things away: another permission, other steps."""

UPGRADE = frozenset({State.AWAITING_UPGRADE, State.UPGRADING, State.UPGRADE_FAILED})
"""It is on its way from one version of its stack to another, or back: another permission, steps of both."""


def sources(event: Event) -> dict[State, State]:
    """From each state that `event` leads away from to the one it leads to."""
    return {state: target for (state, happened), target in TRANSITIONS.items() if happened is event}


class StepState(StrEnum):
    """Where one step stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
