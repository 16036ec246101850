"""One step of one installation: checks, sends, and writes down what came of it.

May be called again for the same step after a crash at any point: what is done is never done again, and what may or may
not have been done is sent again only under the same idempotency key, to a provider that honours it. Nothing is sent
that the rules shown to the customer do not cover.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from mandat.marketplace.installs.announcer import Announcer
from mandat.marketplace.installs.health import Visit, site_of
from mandat.marketplace.installs.layers import REMOVAL_MARK, Records, is_done, layers_of
from mandat.marketplace.installs.ledger import ACCOUNT_STEP, Work, unsettled, work_of
from mandat.marketplace.installs.patience import Patience
from mandat.marketplace.installs.provider import Answer, Outcome, Provider, Refused
from mandat.marketplace.installs.trying import StepRun, Stops, Then
from mandat.marketplace.stacks.answers import NotInAnswer, Verdict, judge, take_outputs
from mandat.marketplace.stacks.calls import Call, CallRefused, build_call
from mandat.marketplace.stacks.expressions import resolve_text
from mandat.marketplace.stacks.rights import WHO_ANSWERED, is_covered
from mandat.marketplace.stacks.shelf import Shelf
from mandat.marketplace.stacks.values import Retry
from mandat.marketplace.stacks.yaml_text import JsonValue
from mandat.marketplace.states import AT_WORK, Event, State, StepState
from mandat.marketplace.store.database import StoreUnavailable
from mandat.marketplace.store.editions import Editions
from mandat.marketplace.store.installations import Installations
from mandat.marketplace.store.permissions import Permissions
from mandat.marketplace.store.values import Installation, Problem, ProblemKind

_log = logging.getLogger("mandat.marketplace")


@dataclass(frozen=True, slots=True)
class Books:
    """What a runner reads and writes."""

    installations: Installations
    editions: Editions
    permissions: Permissions
    shelf: Shelf


class StepRunner:
    """Tries steps.

    Args:
        books: the store and the stacks.
        repeats_safely: the provider honours `Idempotency-Key`: a write whose answer was lost may be sent again.
        visit: looks whether a page answers.
    """

    def __init__(
        self,
        books: Books,
        provider: Provider,
        *,
        announcer: Announcer,
        clock: Callable[[], float],
        repeats_safely: bool,
        visit: Visit,
    ) -> None:
        self._installations = books.installations
        self._editions = books.editions
        self._permissions = books.permissions
        self._shelf = books.shelf
        self._provider = provider
        self._announcer = announcer
        self._clock = clock
        self._visit = visit
        self._patience = Patience(clock)
        self._stops = Stops(
            books.installations,
            books.permissions,
            patience=self._patience,
            clock=clock,
            repeats_safely=repeats_safely,
            connection_of=lambda installation: self._work(installation)[0].connection_id,
        )

    def try_step(self, run: StepRun) -> tuple[Then, float]:
        """Tries one step and says how to go on, and how many seconds to wait before a further try."""
        self._patience.begin(run.tried)
        try:
            then, wait_seconds = self._try_step(run)
        except StoreUnavailable:
            if run.last:
                raise
            return Then.TRY_AGAIN, run.pause_seconds
        except Exception:
            _log.exception("step %s of installation %s ended by a mistake of ours", run.step_id, run.installation_id)
            problem = Problem(ProblemKind.STEP_IMPOSSIBLE, "The marketplace made a mistake.", step_id=run.step_id)
            then, wait_seconds = self._stops.stop(run, Event.BROKE, problem), 0.0
        if then is not Then.TRY_AGAIN:
            self._patience.forget(run.tried)
        self._announcer.changed(run.installation_id)
        return then, wait_seconds

    def finish(self, installation_id: str, attempt: int) -> None:
        """Every step is done. Once all is removed or upgraded, the permissions have nothing left to be for: ended."""
        installation = self._installations.find(installation_id)
        if installation is not None and installation.attempt == attempt:
            if installation.state in (State.REMOVING, State.UPGRADING):
                self.end_permissions(installation)
            if installation.state is State.UPGRADING:
                goal = installation.pending[-1].number
                self._editions.settle(installation_id, goal, at=self._clock(), attempt=attempt)
        self._installations.change(installation_id, Event.FINISHED, at=self._clock(), attempt=attempt)
        self._announcer.changed(installation_id)

    def end_permissions(self, installation: Installation, *, only: int | None = None) -> None:
        """Logs out every key that this installation has, or one. Best effort: the provider may not answer."""
        for connection in self._permissions.accounts_of(installation.user_id, installation.id):
            if connection.lost is None and only in (None, connection.id):
                self._provider.log_out(self._permissions.open_key(installation.user_id, connection.id))
                self._permissions.note_lost(connection.id, at=self._clock())

    def settle(self, installation: Installation) -> None:
        """Finds out about a step that may or may not have been done, by sending it once more under the same key.

        Only to a provider that honours the key: it answers with what it did, or does it now. Either way the ledger
        knows afterwards. Where nothing can be found out, nothing changes.
        """
        work, records = self._work(installation)
        open_step = unsettled(installation, records)
        if open_step is None or open_step.step_id not in work.steps:
            return
        step = work.steps[open_step.step_id]
        try:
            call = build_call(step, work.scopes[open_step.step_id])
            if not self._stops.may_repeat(call) or not is_covered(work.rules, method=call.method, path=call.path):
                return
            key = idempotency_key(installation.id, open_step.step_id)
            outcome = self._call(installation, work, call, idempotency_key=key)
            scope = work.scopes[open_step.step_id]
            outputs = take_outputs(step, outcome.body, scope) if isinstance(outcome, Answer) else {}
        except (CallRefused, NotInAnswer):
            return
        now = self._clock()
        if isinstance(outcome, Answer):
            self._installations.finish_step(
                installation.id, open_step.step_id, outputs=outputs, query_id=outcome.query_id, at=now
            )
        elif isinstance(outcome, Refused) and not outcome.by_application:
            self._installations.pause_step(installation.id, open_step.step_id, query_id=outcome.query_id, at=now)
            problem = Problem(ProblemKind.STEP_REFUSED, outcome.message, outcome.query_id, open_step.step_id)
            self._installations.note_problem(installation.id, problem, at=now)

    def _work(self, installation: Installation) -> tuple[Work, Records]:
        records = {record.step_id: record for record in self._installations.list_steps(installation.id)}
        return work_of(layers_of(self._shelf, installation), installation, records), records

    def _try_step(self, run: StepRun) -> tuple[Then, float]:
        installation = self._installations.find(run.installation_id)
        if installation is None or installation.state not in AT_WORK or installation.attempt != run.attempt:
            return Then.STOP, 0.0
        work, records = self._work(installation)
        record = records[run.step_id]
        if run.step_id != work.account_step and record.state is StepState.DONE:
            return Then.GO_ON, 0.0
        if installation.state is State.CANCELLING and not self._is_on_its_way(run, work, records):
            return self._stops.stop(run, Event.BROKE, Problem(ProblemKind.CANCELLED)), 0.0
        if run.step_id == work.account_step:
            return self._see_account(run, installation, work, records)
        if run.step_id == work.health_step:
            return self._see_health(run, installation, work)
        step = work.steps[run.step_id]
        try:
            call = build_call(step, work.scopes[run.step_id])
        except CallRefused as fault:
            return self._stops.impossible(run, str(fault)), 0.0
        if not is_covered(work.rules, method=call.method, path=call.path):
            return self._stops.impossible(run, "No right was asked for that covers this call."), 0.0
        if record.state is StepState.RUNNING and not self._stops.may_repeat(call):
            return self._stops.answer_lost(run, "The marketplace was interrupted during this step."), 0.0
        return self._send(run, installation, work, call)

    @staticmethod
    def _is_on_its_way(run: StepRun, work: Work, records: Records) -> bool:
        """Whether a write was begun whose end nobody knows: it is seen to its end, or it could be left behind."""
        step = work.steps.get(run.step_id)
        return step is not None and step.operation.method != "GET" and records[run.step_id].state is StepState.RUNNING

    def _send(self, run: StepRun, installation: Installation, work: Work, call: Call) -> tuple[Then, float]:
        step = work.steps[run.step_id]
        self._installations.start_step(installation.id, run.step_id, at=self._clock())
        self._announcer.changed(installation.id)
        key = idempotency_key(installation.id, run.step_id) if call.method != "GET" else None
        outcome = self._call(installation, work, call, idempotency_key=key)
        if run.step_id.startswith(REMOVAL_MARK) and isinstance(outcome, Refused) and outcome.gone:
            return self._done(run, {}, outcome.query_id)  # somebody took it away before us: that is what was wanted
        if not isinstance(outcome, Answer):
            return self._stops.not_done(run, outcome, call)
        if outcome.status not in step.success:
            return self._stops.refused(run, Refused(f"The provider answered {outcome.status}.", outcome.query_id)), 0.0
        return self._read(run, work, outcome)

    def _read(self, run: StepRun, work: Work, answer: Answer) -> tuple[Then, float]:
        step = work.steps[run.step_id]
        verdict, words = judge(step, answer.body)
        if verdict is Verdict.DOES_NOT_FIT:
            return self._stops.refused(run, Refused(f"The provider answered that {words}.", answer.query_id)), 0.0
        if verdict is Verdict.NOT_YET and step.retry is not None:
            return self._wait(run, step.retry, Problem(ProblemKind.NOT_IN_TIME, words, answer.query_id, run.step_id))
        try:
            outputs = take_outputs(step, answer.body, work.scopes[run.step_id])
        except NotInAnswer as fault:
            return self._stops.refused(run, Refused(f"The provider's answer has {fault}.", answer.query_id)), 0.0
        return self._done(run, outputs, answer.query_id)

    def _wait(self, run: StepRun, retry: Retry, problem: Problem) -> tuple[Then, float]:
        if run.looks >= retry.limit:
            return self._stops.stop(run, Event.BROKE, problem), 0.0
        return Then.LOOK_AGAIN, retry.after_seconds

    def _see_health(self, run: StepRun, installation: Installation, work: Work) -> tuple[Then, float]:
        health = work.health
        if health is None:
            return Then.GO_ON, 0.0
        self._installations.start_step(installation.id, run.step_id, at=self._clock())
        self._announcer.changed(installation.id)
        address, port = site_of(health, work.scopes[run.step_id])
        wrong = self._visit(resolve_text(health.host, work.scopes[run.step_id]), address, port)
        if wrong is None:
            return self._done(run, {}, None)
        return self._wait(run, health.retry, Problem(ProblemKind.NOT_HEALTHY, wrong, step_id=run.step_id))

    def _done(self, run: StepRun, outputs: dict[str, JsonValue], query_id: str | None) -> tuple[Then, float]:
        self._installations.finish_step(
            run.installation_id, run.step_id, outputs=outputs, query_id=query_id, at=self._clock()
        )
        return Then.GO_ON, 0.0

    def _see_account(
        self, run: StepRun, installation: Installation, work: Work, records: Records
    ) -> tuple[Then, float]:
        connection = self._permissions.find_connection(installation.user_id, work.connection_id)
        if connection is not None and connection.account is not None:
            return Then.GO_ON, 0.0
        self._installations.start_step(installation.id, run.step_id, at=self._clock())
        self._announcer.changed(installation.id)
        call = Call(WHO_ANSWERED.method, WHO_ANSWERED.path, "", None, has_body=False)
        outcome = self._call(installation, work, call, idempotency_key=None)
        if not isinstance(outcome, Answer):
            return self._stops.not_done(run, outcome, call)
        account, name = read_account(outcome.body)
        if not account:
            return self._stops.refused(
                run, Refused("The provider did not say which account this is.", outcome.query_id)
            ), 0.0
        others = any(is_done(records, step_id) for step_id in records if not step_id.endswith(ACCOUNT_STEP))
        if others and account != self._account_so_far(installation):
            key = self._permissions.open_key(installation.user_id, work.connection_id)
            self._provider.log_out(key)
            return self._stops.stop(run, Event.LOST, Problem(ProblemKind.OTHER_ACCOUNT, account)), 0.0
        self._permissions.note_account(work.connection_id, account, name)
        return self._done(run, {}, outcome.query_id)

    def _account_so_far(self, installation: Installation) -> str | None:
        known = [
            each.account
            for each in self._permissions.accounts_of(installation.user_id, installation.id)
            if each.account is not None
        ]
        return known[-1] if known else None

    def _call(self, installation: Installation, work: Work, call: Call, *, idempotency_key: str | None) -> Outcome:
        key = self._permissions.open_key(installation.user_id, work.connection_id)
        return self._provider.call(key, call, idempotency_key=idempotency_key)


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
