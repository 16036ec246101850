"""One try of a step: what it is, and what stops it.

Decides whether there is a further try, and writes down why there is none. Sending and reading are the runner's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from mandat.marketplace.installs.ledger import ACCOUNT_STEP
from mandat.marketplace.installs.patience import Patience
from mandat.marketplace.installs.provider import NoAnswer, NoPermission, Refused
from mandat.marketplace.stacks.calls import Call
from mandat.marketplace.states import Event
from mandat.marketplace.store.installations import Installations
from mandat.marketplace.store.permissions import Permissions
from mandat.marketplace.store.values import Installation, Problem, ProblemKind

MAX_WAIT_SECONDS = 20.0
"""However long the provider asks to wait; the customer is looking."""


class Then(StrEnum):
    """How the course goes on after a step was tried."""

    GO_ON = "go_on"
    TRY_AGAIN = "try_again"
    LOOK_AGAIN = "look_again"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class StepRun:
    """Which step is to be tried.

    Attributes:
        last: no further try by itself will follow. `pause_seconds`: before that one.
        looks: how often the provider has answered that it is too early.
    """

    installation_id: str
    attempt: int
    step_id: str
    last: bool
    pause_seconds: float
    looks: int = 0

    @property
    def tried(self) -> tuple[str, int, str]:
        """For whom the patience counts."""
        return self.installation_id, self.attempt, self.step_id


class Stops:
    """What becomes of a try that did not succeed.

    Args:
        repeats_safely: the provider honours `Idempotency-Key`: a write whose answer was lost may be sent again.
        connection_of: which permission an installation works under now.
    """

    def __init__(
        self,
        installations: Installations,
        permissions: Permissions,
        *,
        patience: Patience,
        clock: Callable[[], float],
        repeats_safely: bool,
        connection_of: Callable[[Installation], int],
    ) -> None:
        self._installations = installations
        self._permissions = permissions
        self._patience = patience
        self._clock = clock
        self._repeats_safely = repeats_safely
        self._connection_of = connection_of

    def may_repeat(self, call: Call) -> bool:
        """True when sending `call` twice does what sending it once does."""
        return self._repeats_safely or call.method in ("GET", "PUT", "DELETE")  # twice is as good as once (RFC 9110)

    def not_done(self, run: StepRun, outcome: NoPermission | Refused | NoAnswer, call: Call) -> tuple[Then, float]:
        """No answer that could be read: a further try after some seconds, or the end."""
        if isinstance(outcome, NoPermission):
            return self._no_permission(run, outcome), 0.0
        if isinstance(outcome, Refused):
            return self.refused(run, outcome), 0.0
        if not outcome.nothing_done and not self.may_repeat(call):
            return self.answer_lost(run, outcome.message), 0.0
        asked_seconds = run.pause_seconds if outcome.wait_seconds is None else outcome.wait_seconds
        wait_seconds = min(asked_seconds, MAX_WAIT_SECONDS)
        if run.last or self._patience.has_ended(run.tried, wait_seconds=wait_seconds):
            problem = Problem(ProblemKind.NO_ANSWER, outcome.message, outcome.query_id, run.step_id)
            return self.stop(run, Event.BROKE, problem), 0.0
        return Then.TRY_AGAIN, wait_seconds

    def _no_permission(self, run: StepRun, outcome: NoPermission) -> Then:
        kind = ProblemKind.PERMISSION_ENDED
        if outcome.not_granted:
            kind = ProblemKind.NOT_GRANTED
        elif run.step_id.endswith(ACCOUNT_STEP):
            kind = ProblemKind.NOT_CONFIRMED
        return self.stop(run, Event.LOST, Problem(kind, outcome.message, outcome.query_id, run.step_id))

    def refused(self, run: StepRun, outcome: Refused) -> Then:
        """The provider said no."""
        kind = ProblemKind.APPLICATION_REFUSED if outcome.by_application else ProblemKind.STEP_REFUSED
        return self.stop(run, Event.BROKE, Problem(kind, outcome.message, outcome.query_id, run.step_id))

    def impossible(self, run: StepRun, message: str) -> Then:
        """The step cannot be sent as it stands."""
        return self.stop(run, Event.BROKE, Problem(ProblemKind.STEP_IMPOSSIBLE, message, step_id=run.step_id))

    def answer_lost(self, run: StepRun, message: str) -> Then:
        """Sent, answer unknown, and not to be sent again."""
        return self.stop(run, Event.BROKE, Problem(ProblemKind.ANSWER_LOST, message, step_id=run.step_id))

    def stop(self, run: StepRun, event: Event, problem: Problem) -> Then:
        """The installation stands still with `problem`; after `LOST` its permission is known to be gone."""
        now = self._clock()
        self._installations.pause_step(run.installation_id, run.step_id, query_id=problem.query_id, at=now)
        if event is Event.LOST:
            installation = self._installations.find(run.installation_id)
            if installation is not None:
                self._permissions.note_lost(self._connection_of(installation), at=now)
        self._installations.change(run.installation_id, event, at=now, attempt=run.attempt, problem=problem)
        return Then.STOP
