"""What a transaction has to happen outside the database once it is committed: DNS, instances, tasks.

Collected by handlers and by tasks that end; carried out by `Aftermath`, in the event loop. Nothing here is needed for
the truth: after a crash the same effects follow from the database at the next start.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from mandat.sandbox.dns.zone import ServedZone, ServedZones


@dataclass(slots=True)
class Effects:
    """Zones that DNS serves anew; ids of instances that are gone; whether instances or tasks wait to be looked at."""

    refreshed: list[ServedZone] = field(default_factory=list)
    ended_instances: list[str] = field(default_factory=list)
    instances_wait: bool = False
    tasks_wait: bool = False


@dataclass(frozen=True, slots=True)
class Aftermath:
    """Carries effects out. `end_instances` ends at once what serves; the others only wake their keepers."""

    zones: ServedZones
    end_instances: Callable[[Iterable[str]], None]
    wake_instances: Callable[[], None]
    wake_tasks: Callable[[], None]

    def follow(self, effects: Effects) -> None:
        """Does what `effects` say; in the event loop, after the commit and before the answer."""
        for zone in effects.refreshed:
            self.zones.put(zone)
        if effects.ended_instances:
            self.end_instances(effects.ended_instances)
        if effects.instances_wait:
            self.wake_instances()
        if effects.tasks_wait:
            self.wake_tasks()
