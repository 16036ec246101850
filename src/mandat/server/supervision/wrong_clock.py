"""Refuses to start by a clock that is far behind: what has ended would be good again, and all new history misdated.

A clock that is ahead cannot be told from the truth without asking others. Steps while running are another matter:
docs/reference/reliability.md. Source: issue 5.
"""

import os
from datetime import UTC, datetime
from typing import Final

from mandat.server.problems import Problem

EARLIEST: Final = 1_767_225_600
"""The beginning of 2026: nobody ran this program before. Machines without a clock of their own start at 1970."""

FAR_SECONDS: Final = 86_400
"""Less may be a clock that was ahead for a while and was set right; that heals while running."""

OVERRIDE: Final = "MANDAT_CLOCK_IS_RIGHT"
"""Set to 1 for a start after a clock that was far ahead has dated history: then this one is right."""


def is_vouched_for() -> bool:
    """Whether the operator says that this machine's clock is right and history is wrong."""
    return os.environ.get(OVERRIDE) == "1"


def refuse_wrong_clock(now: float, last_history_at: int | None, *, is_vouched_for: bool) -> None:
    """
    Args:
        now: Unix seconds by this machine.
        last_history_at: when the newest line of history was written; None: there is none.
        is_vouched_for: history does not count.

    Raises:
        Problem: the clock is far behind, and what to do.
    """
    if now < EARLIEST:
        raise Problem(f"This machine's clock says {_in_words(now)}, which is long past; set it and start again.")
    if last_history_at is not None and now < last_history_at - FAR_SECONDS and not is_vouched_for:
        raise Problem(
            f"This machine's clock says {_in_words(now)}, but history was written at {_in_words(last_history_at)}; set"
            f" the clock, or start with {OVERRIDE}=1 in the environment if it was wrong then and is right now."
        )


def _in_words(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
