"""Times small actions in turn, in processor time of this thread: other load on the machine counts little."""

import time
from collections.abc import Callable, Mapping

Action = Callable[[], object]


def interleaved(actions: Mapping[str, Action], *, rounds: int, repeats: int) -> dict[str, list[float]]:
    """Microseconds a call, one value for each round. In each round every action has its turn, `repeats` calls long."""
    for action in actions.values():
        action()
    costs: dict[str, list[float]] = {name: [] for name in actions}
    for number in range(rounds):
        for name in list(actions) if number % 2 else reversed(list(actions)):
            costs[name].append(cost_us(actions[name], repeats))
    return costs


def cost_us(action: Action, repeats: int) -> float:
    """Microseconds a call."""
    began = time.thread_time()
    for _ in range(repeats):
        action()
    return (time.thread_time() - began) / repeats * 1e6
