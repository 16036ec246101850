"""The engine: courses on DBOS, so that a killed marketplace goes on where it was.

DBOS keeps its journal in a SQLite file of its own, or in the PostgreSQL database that several marketplaces share: then
each gives signs of life, and what a silent one left is taken over by another. DBOS is imported when the engine starts,
in a thread: the import takes about a second, and pages need not wait for it. What must run is in the marketplace's own
database; the engine compares at its start and from time to time, so that nothing depends on a hand-over that a crash
could swallow.
Source: dependencies.md 5 (measured traps: journal mode, application version, executor id).
"""

import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from mandat.marketplace.installs.course import run_course
from mandat.marketplace.installs.ledger import step_ids_of
from mandat.marketplace.installs.runner import StepRunner
from mandat.marketplace.states import AT_WORK, Event
from mandat.marketplace.store.database import StoreUnavailable
from mandat.marketplace.store.installations import Installations
from mandat.marketplace.store.values import Installation, Problem, ProblemKind
from mandat.marketplace.store.workers import Workers

JOURNAL_FILE = "journal.sqlite"
APPLICATION = "mandat-marketplace"
APPLICATION_VERSION = "1"
"""Of the course's shape: raise it when `run_course` makes other journal entries, so that old ones are not misread."""
EXECUTOR = "marketplace-1"
"""The same at every start: DBOS recovers what this executor left."""

COMPARE_SECONDS = 20.0
BEAT_SECONDS = 3.0
SILENT_SECONDS = 15.0
"""After so long without a sign of life, another marketplace on the same database takes over."""

_MAX_THREADS = 64
_GOING_ON = ("PENDING", "ENQUEUED", "DELAYED")

_log = logging.getLogger("mandat.marketplace")


class Engine(Protocol):
    """Runs installations that are in one of the states AT_WORK."""

    def start(self, installation: Installation) -> None:
        """Sees to it that this attempt runs; asking twice is harmless."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What several marketplaces on one PostgreSQL database need.

    Attributes:
        database_url: as SQLAlchemy takes it.
        executor: this one's name, the same at every start; no other has it.
    """

    database_url: str = field(repr=False)
    executor: str
    workers: Workers


class DbosEngine:
    """Courses on DBOS. One for each process.

    Args:
        folder: where the journal lies, unless it is `shared`.
    """

    def __init__(
        self,
        folder: Path,
        installations: Installations,
        runner: StepRunner,
        *,
        clock: Callable[[], float],
        shared: Shared | None = None,
    ) -> None:
        self._folder = folder
        self._shared = shared
        self._installations = installations
        self._runner = runner
        self._clock = clock
        self._dbos: Any = None
        self._workflow: Any = None
        self._starting = threading.Lock()
        self._stopping = threading.Event()
        self._gone = threading.Event()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def launch(self) -> None:
        """Starts in the background."""
        self._thread.start()

    @property
    def launched(self) -> bool:
        """Whether installations are worked on."""
        return self._dbos is not None

    def start(self, installation: Installation) -> None:
        """Starts the course of the present attempt, unless it is on its way. Before the launch: done at the launch."""
        if self._dbos is None or self._stopping.is_set():
            return
        with self._starting:
            self._start(installation)

    def stop(self) -> None:
        """Stops without waiting for courses: they go on at the next start."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10.0)
        if self._dbos is not None:
            self._dbos.destroy(destroy_registry=True)
            self._dbos = None
        # Courses that still run have nowhere to write to: their complaints would only frighten the operator.
        logging.getLogger("dbos").setLevel(logging.CRITICAL + 1)
        self._gone.set()

    def _run(self) -> None:
        try:
            self._launch()
        except Exception:
            _log.exception("the engine could not start; installations wait until the marketplace is started again")
            return
        while True:
            try:
                if self._shared is not None:
                    self._shared.workers.beat(self._shared.executor)
                    self._take_over(self._shared)
                for installation in self._installations.list_running():
                    self.start(installation)
            except StoreUnavailable:
                _log.warning("the database does not answer; the engine will look again")
            except Exception:
                _log.exception("the engine could not compare; it will look again")
            if self._stopping.wait(COMPARE_SECONDS if self._shared is None else BEAT_SECONDS):
                return

    def _take_over(self, shared: Shared) -> None:
        """Gives the courses of marketplaces that fell silent to whoever is alive. One marketplace at a time does so."""
        with shared.workers.taking_over(silent_seconds=SILENT_SECONDS) as silent:
            if not silent:
                return
            left = self._dbos.list_workflows(status="PENDING", executor_id=silent, load_input=False, load_output=False)
            for workflow in left:
                _log.warning(
                    "course %s of a marketplace that fell silent goes on here or elsewhere", workflow.workflow_id
                )
                self._dbos.resume_workflow(workflow.workflow_id)

    def _launch(self) -> None:
        from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer  # noqa: PLC0415 see the module's docstring

        if self._shared is None:
            prepare_journal(self._folder / JOURNAL_FILE)
        config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_url": (
                f"sqlite:///{self._folder / JOURNAL_FILE}" if self._shared is None else self._shared.database_url
            ),
            "application_version": APPLICATION_VERSION,
            "executor_id": EXECUTOR if self._shared is None else self._shared.executor,
            "serializer": DBOSPortableJSONSerializer(),
            "max_executor_threads": _MAX_THREADS,
            "log_level": "WARNING",
            "enable_otlp": False,
        }
        DBOS(config=config)

        def install(installation_id: str, attempt: int, step_ids: list[str]) -> None:
            run_course(
                DbosJournal(DBOS, clock=self._clock, gone=self._gone),
                self._runner,
                installation_id=installation_id,
                attempt=attempt,
                step_ids=step_ids,
            )

        if self._shared is not None:
            self._shared.workers.beat(self._shared.executor)  # before any course could be this one's
        # Without a limit to recoveries: a marketplace that is killed a hundred times still finishes.
        self._workflow = DBOS.workflow(name="install", max_recovery_attempts=None)(install)
        DBOS.launch()
        self._dbos = DBOS

    def _start(self, installation: Installation) -> None:
        from dbos import SetWorkflowID  # noqa: PLC0415 see the module's docstring

        workflow_id = f"{installation.id}.{installation.attempt}"
        status = self._dbos.get_workflow_status(workflow_id)
        if status is None:
            step_ids = step_ids_of(installation, self._installations.list_steps(installation.id))
            with SetWorkflowID(workflow_id):
                self._dbos.start_workflow(self._workflow, installation.id, installation.attempt, step_ids)
        elif status.status not in _GOING_ON:
            self._give_up(installation, status.status)

    def _give_up(self, installation: Installation, status: str) -> None:
        """The course ended without saying how: a mistake of ours. The customer can try again."""
        found = self._installations.find(installation.id)
        if found is None or found.state not in AT_WORK or found.attempt != installation.attempt:
            return
        _log.error("the course of installation %s ended as %s", installation.id, status)
        self._installations.change(
            installation.id,
            Event.BROKE,
            at=self._clock(),
            attempt=installation.attempt,
            problem=Problem(ProblemKind.STEP_IMPOSSIBLE, "The marketplace made a mistake."),
        )


class EngineGone(Exception):
    """The engine stopped while a course was waiting. Nothing can be written down any more; the next start goes on."""


class DbosJournal:
    """The journal of the workflow that runs in this thread.

    Args:
        gone: set once DBOS is closed. A course that waits ends then; before, that would be written down as a failure.
    """

    def __init__(self, dbos: Any, *, clock: Callable[[], float], gone: threading.Event) -> None:
        self._dbos = dbos
        self._clock = clock
        self._gone = gone

    def entry(self, name: str, work: Callable[[], list[str | float]]) -> list[str | float]:
        """One DBOS step."""
        answer: Sequence[str | float] = self._dbos.run_step({"name": name}, work)
        return list(answer)

    def sleep(self, seconds: float) -> None:
        """Writes down until when, and waits. DBOS's own sleep cannot be ended, and would hold up the program's end."""
        (until,) = self.entry("sleep", lambda: [self._clock() + seconds])
        if self._gone.wait(max(0.0, min(float(until) - self._clock(), seconds))):
            raise EngineGone


def prepare_journal(file: Path) -> None:
    """Sets the journal mode once; it stays with the file. DBOS leaves SQLite's slower default otherwise."""
    connection = sqlite3.connect(file)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()
