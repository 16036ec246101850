"""A bounded memory: the values used last."""

from collections import OrderedDict
from typing import Generic, TypeVar

from mandat.enforcement.counting.statistics import CacheStatistics
from mandat.enforcement.interfaces import Missing

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """The values used last, at most so many. `hits` counts found ones, `evictions` those that had to
    make room, `loads` what its owner looked for elsewhere (and counts).
    """

    __slots__ = ("_most", "_values", "evictions", "hits", "loads")

    def __init__(self, most: int) -> None:
        self._most = most
        self.hits = 0
        self.loads = 0
        self.evictions = 0
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key, otherwise: Missing) -> Value | Missing:
        """The value, which is now the one used last; `otherwise` when there is none."""
        value = self._values.get(key)
        if value is None:
            return otherwise
        self._values.move_to_end(key)
        self.hits += 1
        return value

    def put(self, key: Key, value: Value) -> None:
        """Keeps a value; the one whose use is longest ago goes when there are too many."""
        self._values[key] = value
        if len(self._values) > self._most:
            self._values.popitem(last=False)
            self.evictions += 1

    def drop(self, key: Key | None) -> None:
        """Forgets one; None is nothing to forget."""
        if key is not None:
            self._values.pop(key, None)

    def statistics(self) -> CacheStatistics:
        """The numbers so far."""
        return CacheStatistics(len(self._values), self.hits, self.loads, self.evictions)

    def clear(self) -> None:
        """Forgets all."""
        self._values.clear()
