"""How a grant source says how it is doing. Values only; `mandat.server.observation` shows them."""

from dataclasses import dataclass
from typing import Protocol

from mandat.enforcement.interfaces import GrantSource


@dataclass(frozen=True, slots=True)
class CacheStatistics:
    """What a memory did since the process began: `hits` found, `loads` asked of storage, `evictions` made room."""

    entries: int
    hits: int
    loads: int
    evictions: int


@dataclass(frozen=True, slots=True)
class SourceStatistics:
    """How a grant source is doing.

    `age_seconds` is how old its knowledge may be: 0 where every change is seen at once, infinite before the first look.
    `is_fresh` says whether it could answer a call at this moment.
    """

    grants: CacheStatistics
    applications: CacheStatistics
    age_seconds: float
    is_fresh: bool


class ObservedSource(GrantSource, Protocol):
    """A grant source that says how it is doing."""

    def statistics(self) -> SourceStatistics:
        """Cheap, but not for each call. Never raises."""
