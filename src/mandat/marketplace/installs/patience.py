"""How long a step is tried again while the provider does not answer: an installation stands still within a minute.

In memory: a marketplace that was killed begins to count anew, and so ends within a minute of its start.
"""

from collections.abc import Callable, Hashable

PATIENCE_SECONDS = 40.0
"""From the first try of a step to the start of its last; that one may take as long as the provider's silence may."""


class Patience:
    """When steps were first tried. From any thread; one step is tried by one thread at a time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._first_tries: dict[Hashable, float] = {}

    def begin(self, step: Hashable) -> None:
        """Counts from now, unless it counts already."""
        self._first_tries.setdefault(step, self._clock())

    def has_ended(self, step: Hashable, *, wait_seconds: float) -> bool:
        """Whether a try after that wait would begin too late."""
        now = self._clock()
        return now + wait_seconds > self._first_tries.get(step, now) + PATIENCE_SECONDS

    def forget(self, step: Hashable) -> None:
        """The provider answered, or nobody waits any more."""
        self._first_tries.pop(step, None)
