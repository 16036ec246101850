"""What a measurement says: figures with their rounds, the goals beside them, tables and curves. Values only."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured. Times in seconds; `stored` credentials lie in the databases of the storage part;
    meeting all of them in a gateway may take `touching_seconds`.
    """

    name: str
    rounds: int
    seconds: float
    credentials: int
    repeats: int
    stored: int
    cached: int
    touching_seconds: float = 30


FULL = Size(
    "full", rounds=5, seconds=3, credentials=10_000, repeats=400, stored=1_000_000, cached=100_000, touching_seconds=240
)
QUICK = Size("quick", rounds=3, seconds=1, credentials=10_000, repeats=120, stored=10_000, cached=20_000)
TINY = Size("tiny", rounds=1, seconds=0.3, credentials=20, repeats=5, stored=500, cached=500)


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure has to reach. `needs_full`: said for a million credentials, so a smaller run cannot judge it."""

    limit: float
    is_least: bool
    beside: str = ""
    needs_full: bool = False

    def __str__(self) -> str:
        return f"{'≥' if self.is_least else '≤'} {shown(self.limit)}{self.beside}"

    def is_met(self, value: float) -> bool:
        """Whether a median is good enough."""
        return value >= self.limit if self.is_least else value <= self.limit


def at_least(limit: float, beside: str = "", *, needs_full: bool = False) -> Goal:
    """More is better."""
    return Goal(limit, True, beside, needs_full)


def at_most(limit: float, beside: str = "", *, needs_full: bool = False) -> Goal:
    """Less is better."""
    return Goal(limit, False, beside, needs_full)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `rounds` has one value for each round; none when it was not measured, see `why`."""

    what: str
    rounds: tuple[float, ...]
    unit: str = ""
    goal: Goal | None = None
    why: str = ""

    @property
    def median(self) -> float:
        """Of the rounds."""
        return statistics.median(self.rounds)


@dataclass(frozen=True, slots=True)
class Table:
    """Absolute figures behind the ratios."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Curves, name -> (x, y) pairs, over a logarithmic x axis or a linear one. Kept as `results/SIZE-NAME.svg`."""

    name: str
    title: str
    x_title: str
    y_title: str
    curves: Mapping[str, Sequence[tuple[float, float]]]
    is_linear: bool = False


@dataclass(slots=True)
class Result:
    """What one part found. `notes` are sentences printed under its table."""

    figures: list[Figure] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def ratios(values: Sequence[float], others: Sequence[float]) -> tuple[float, ...]:
    """Round by round: what disturbs the machine in a round disturbs both."""
    return tuple(value / other for value, other in zip(values, others, strict=True))


def shown(value: float) -> str:
    """Three significant digits, thousands parted."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def spread(rounds: Sequence[float]) -> str:
    """Least to most."""
    return f"{shown(min(rounds))} to {shown(max(rounds))}" if len(rounds) > 1 else "one round"
