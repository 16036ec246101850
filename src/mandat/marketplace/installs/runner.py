"""One step of one installation: checks, sends, and writes down what came of it.

May be called again for the same step after a crash at any point: what is done is never done again, and what may or may
not have been done is sent again only under the same idempotency key, to a provider that honours it. Nothing is sent
that the rules shown to the customer do not cover.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from mandat.marketplace.installs.announcer import Announcer
from mandat.marketplace.installs.provider import Answer, NoAnswer, NoPermission, Outcome, Provider, Refused
from mandat.marketplace.stacks.calls import Call, CallRefused, build_call
from mandat.marketplace.stacks.expressions import Origin, Reference
from mandat.marketplace.stacks.inputs import as_scope
from mandat.marketplace.stacks.rights import WHO_ANSWERED, is_covered
from mandat.marketplace.stacks.shelf import Shelf
from mandat.marketplace.stacks.values import Stack, Step
from mandat.marketplace.stacks.yaml_text import JsonValue
from mandat.marketplace.states import Event, State, StepState
from mandat.marketplace.store.database import StoreUnavailable
from mandat.marketplace.store.installations import Installations
from mandat.marketplace.store.permissions import Permissions
from mandat.marketplace.store.values import Installation, Problem, ProblemKind, StepRecord

ACCOUNT_STEP = "_account"
"""The step before a stack's own: see which account answered. No step of a document can be called so."""

MAX_WAIT_SECONDS = 20.0
"""However long the provider asks to wait; the customer is looking."""

_log = logging.getLogger("mandat.marketplace")


class Then(StrEnum):
    """How the course goes on after a step was tried."""

    GO_ON = "go_on"
    TRY_AGAIN = "try_again"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class StepRun:
    """Which step is to be tried. `last`: no further try by itself will follow. `pause_seconds`: before that one."""

    installation_id: str
    attempt: int
    step_id: str
    last: bool
    pause_seconds: float


@dataclass(frozen=True, slots=True)
class Books:
    """What a runner reads and writes."""

    installations: Installations
    permissions: Permissions
    shelf: Shelf


class StepRunner:
    """Tries steps.

    Args:
        books: the store and the stacks.
        repeats_safely: the provider honours `Idempotency-Key`: a write whose answer was lost may be sent again.
    """

    def __init__(
        self,
        books: Books,
        provider: Provider,
        *,
        announcer: Announcer,
        clock: Callable[[], float],
        repeats_safely: bool,
    ) -> None:
        self._installations = books.installations
        self._permissions = books.permissions
        self._shelf = books.shelf
        self._provider = provider
        self._announcer = announcer
        self._clock = clock
        self._repeats_safely = repeats_safely

    def try_step(self, run: StepRun) -> tuple[Then, float]:
        """Tries one step and says how to go on, and how many seconds to wait before a further try."""
        try:
            then, wait_seconds = self._try_step(run)
        except StoreUnavailable:
            if run.last:
                raise
            return Then.TRY_AGAIN, run.pause_seconds
        except Exception:
            _log.exception("step %s of installation %s ended by a mistake of ours", run.step_id, run.installation_id)
            problem = Problem(ProblemKind.STEP_IMPOSSIBLE, "The marketplace made a mistake.", step_id=run.step_id)
            then, wait_seconds = self._stop(run, Event.BROKE, problem), 0.0
        self._announcer.changed(run.installation_id)
        return then, wait_seconds

    def finish(self, installation_id: str, attempt: int) -> None:
        """Every step is done."""
        self._installations.change(installation_id, Event.FINISHED, at=self._clock(), attempt=attempt)
        self._announcer.changed(installation_id)

    def _try_step(self, run: StepRun) -> tuple[Then, float]:
        installation = self._installations.find(run.installation_id)
        if installation is None or installation.state is not State.RUNNING or installation.attempt != run.attempt:
            return Then.STOP, 0.0
        records = {record.step_id: record for record in self._installations.list_steps(installation.id)}
        if run.step_id == ACCOUNT_STEP:
            return self._see_account(run, installation, records)
        record = records[run.step_id]
        if record.state is StepState.DONE:
            return Then.GO_ON, 0.0
        stack = self._shelf.get_ordered(installation.stack_id, installation.digest)
        step = next(each for each in stack.install if each.id == run.step_id)
        try:
            call = build_call(step, _scope(stack, installation, records))
        except CallRefused as fault:
            return self._impossible(run, str(fault)), 0.0
        if not is_covered(installation.rules, method=call.method, path=call.path):
            return self._impossible(run, "No right was asked for that covers this call."), 0.0
        if record.state is StepState.RUNNING and not self._may_repeat(call):
            return self._answer_lost(run, "The marketplace was interrupted during this step."), 0.0
        return self._send(run, installation, step, call)

    def _send(self, run: StepRun, installation: Installation, step: Step, call: Call) -> tuple[Then, float]:
        self._installations.start_step(installation.id, step.id, at=self._clock())
        self._announcer.changed(installation.id)
        key = idempotency_key(installation.id, step.id) if call.method != "GET" else None
        outcome = self._call(installation, call, idempotency_key=key)
        if not isinstance(outcome, Answer):
            return self._not_done(run, outcome, call)
        if outcome.status not in step.success:
            return self._refused(run, Refused(f"The provider answered {outcome.status}.", outcome.query_id)), 0.0
        try:
            outputs = _outputs(step, outcome.body)
        except LookupError as fault:
            return self._refused(run, Refused(f"The provider's answer has no {fault}.", outcome.query_id)), 0.0
        self._installations.finish_step(
            installation.id, step.id, outputs=outputs, query_id=outcome.query_id, at=self._clock()
        )
        return Then.GO_ON, 0.0

    def _see_account(
        self, run: StepRun, installation: Installation, records: Mapping[str, StepRecord]
    ) -> tuple[Then, float]:
        connection_id = installation.connection_id or 0
        connection = self._permissions.find_connection(installation.user_id, connection_id)
        if connection is not None and connection.account is not None:
            return Then.GO_ON, 0.0
        self._installations.start_step(installation.id, ACCOUNT_STEP, at=self._clock())
        self._announcer.changed(installation.id)
        call = Call(WHO_ANSWERED.method, WHO_ANSWERED.path, "", None, has_body=False)
        outcome = self._call(installation, call, idempotency_key=None)
        if not isinstance(outcome, Answer):
            return self._not_done(run, outcome, call)
        account, name = read_account(outcome.body)
        if not account:
            return self._refused(run, Refused("The provider did not say which account this is.", outcome.query_id)), 0.0
        others = [each for each in records.values() if each.step_id != ACCOUNT_STEP and each.state is StepState.DONE]
        if others and account != self._account_so_far(installation):
            key = self._permissions.open_key(installation.user_id, connection_id)
            self._provider.log_out(key)
            return self._stop(run, Event.LOST, Problem(ProblemKind.OTHER_ACCOUNT, account)), 0.0
        self._permissions.note_account(connection_id, account, name)
        self._installations.finish_step(
            installation.id, ACCOUNT_STEP, outputs={}, query_id=outcome.query_id, at=self._clock()
        )
        return Then.GO_ON, 0.0

    def _account_so_far(self, installation: Installation) -> str | None:
        known = [
            each.account
            for each in self._permissions.accounts_of(installation.user_id, installation.id)
            if each.account is not None
        ]
        return known[-1] if known else None

    def _call(self, installation: Installation, call: Call, *, idempotency_key: str | None) -> Outcome:
        key = self._permissions.open_key(installation.user_id, installation.connection_id or 0)
        return self._provider.call(key, call, idempotency_key=idempotency_key)

    def _may_repeat(self, call: Call) -> bool:
        return self._repeats_safely or call.method == "GET"

    def _not_done(self, run: StepRun, outcome: NoPermission | Refused | NoAnswer, call: Call) -> tuple[Then, float]:
        if isinstance(outcome, NoPermission):
            return self._no_permission(run, outcome), 0.0
        if isinstance(outcome, Refused):
            return self._refused(run, outcome), 0.0
        if not outcome.nothing_done and not self._may_repeat(call):
            return self._answer_lost(run, outcome.message), 0.0
        if run.last:
            problem = Problem(ProblemKind.NO_ANSWER, outcome.message, outcome.query_id, run.step_id)
            return self._stop(run, Event.BROKE, problem), 0.0
        wait_seconds = run.pause_seconds if outcome.wait_seconds is None else outcome.wait_seconds
        return Then.TRY_AGAIN, min(wait_seconds, MAX_WAIT_SECONDS)

    def _no_permission(self, run: StepRun, outcome: NoPermission) -> Then:
        kind = ProblemKind.PERMISSION_ENDED
        if outcome.not_granted:
            kind = ProblemKind.NOT_GRANTED
        elif run.step_id == ACCOUNT_STEP:
            kind = ProblemKind.NOT_CONFIRMED
        return self._stop(run, Event.LOST, Problem(kind, outcome.message, outcome.query_id, run.step_id))

    def _refused(self, run: StepRun, outcome: Refused) -> Then:
        kind = ProblemKind.APPLICATION_REFUSED if outcome.by_application else ProblemKind.STEP_REFUSED
        return self._stop(run, Event.BROKE, Problem(kind, outcome.message, outcome.query_id, run.step_id))

    def _impossible(self, run: StepRun, message: str) -> Then:
        return self._stop(run, Event.BROKE, Problem(ProblemKind.STEP_IMPOSSIBLE, message, step_id=run.step_id))

    def _answer_lost(self, run: StepRun, message: str) -> Then:
        return self._stop(run, Event.BROKE, Problem(ProblemKind.ANSWER_LOST, message, step_id=run.step_id))

    def _stop(self, run: StepRun, event: Event, problem: Problem) -> Then:
        now = self._clock()
        self._installations.pause_step(run.installation_id, run.step_id, query_id=problem.query_id, at=now)
        if event is Event.LOST:
            installation = self._installations.find(run.installation_id)
            if installation is not None and installation.connection_id is not None:
                self._permissions.note_lost(installation.connection_id, at=now)
        self._installations.change(run.installation_id, event, at=now, attempt=run.attempt, problem=problem)
        return Then.STOP


def idempotency_key(installation_id: str, step_id: str) -> str:
    """One for each step of each installation, the same in every try."""
    return f"{installation_id}.{step_id}"


def read_account(body: JsonValue) -> tuple[str, str]:
    """Identifier and name from the answer of GET /me; an empty identifier when there is none."""
    fields = body if isinstance(body, dict) else {}
    account = fields.get("nichandle")
    parts = [fields.get(name) for name in ("firstname", "name", "organisation")]
    name = " ".join(part for part in parts if isinstance(part, str) and part)
    return (account[:200] if isinstance(account, str) else ""), name[:400]


def _scope(stack: Stack, installation: Installation, records: Mapping[str, StepRecord]) -> dict[Reference, JsonValue]:
    scope = as_scope(installation.inputs)
    for step in stack.install:
        for name, value in (records[step.id].outputs or {}).items():
            scope[Reference(Origin.STEP, name, step.id)] = value
    return scope


def _outputs(step: Step, body: JsonValue) -> dict[str, JsonValue]:
    return {output.name: _pointed(body, output.pointer) for output in step.outputs}


def _pointed(body: JsonValue, pointer: tuple[str, ...]) -> JsonValue:
    for token in pointer:
        if isinstance(body, dict) and token in body:
            body = body[token]
        elif isinstance(body, list) and token.isascii() and token.isdigit() and int(token[:9]) < len(body):
            body = body[int(token[:9])]
        else:
            raise LookupError("/".join(pointer))
    return body
