"""The course of an installation: its steps one after the other, with pauses between tries.

Written against a journal that remembers what each entry answered: after a crash the course runs again from its
beginning, and the journal answers for what was done. So it decides by what the journal answers, and by nothing else.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from mandat.marketplace.installs.runner import StepRunner
from mandat.marketplace.installs.trying import StepRun, Then

PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0)
"""Before the second try and each further one; then the installation stops and says so."""


class Journal(Protocol):
    """Remembers, durably and in order."""

    def entry(self, name: str, work: Callable[[], list[str | float]]) -> list[str | float]:
        """Does `work` and writes down its answer; or only answers, when that is written down already."""

    def sleep(self, seconds: float) -> None:
        """Waits, in total no longer than `seconds` also when a crash comes between."""


def run_course(
    journal: Journal, runner: StepRunner, *, installation_id: str, attempt: int, step_ids: Sequence[str]
) -> None:
    """Runs one attempt to its end: all steps done, or stopped with the reason written down."""
    for step_id in step_ids:
        if not _run_step(journal, runner, installation_id, attempt, step_id):
            return

    def finish() -> list[str | float]:
        runner.finish(installation_id, attempt)
        return []

    journal.entry("finish", finish)


def _run_step(journal: Journal, runner: StepRunner, installation_id: str, attempt: int, step_id: str) -> bool:
    tries = looks = 0
    while True:
        pause_seconds = PAUSES_SECONDS[tries] if tries < len(PAUSES_SECONDS) else 0.0
        run = StepRun(
            installation_id,
            attempt,
            step_id,
            last=tries >= len(PAUSES_SECONDS),
            pause_seconds=pause_seconds,
            looks=looks,
        )

        def work(run: StepRun = run) -> list[str | float]:
            then, wait_seconds = runner.try_step(run)
            return [then.value, wait_seconds]

        then, wait_seconds = journal.entry(step_id, work)
        if then not in (Then.TRY_AGAIN, Then.LOOK_AGAIN):
            return then == Then.GO_ON
        if run.last and then == Then.TRY_AGAIN:
            return False
        # A look that was answered starts the count of tries that were not anew.
        tries, looks = (tries + 1, looks) if then == Then.TRY_AGAIN else (0, looks + 1)
        journal.sleep(float(wait_seconds))
