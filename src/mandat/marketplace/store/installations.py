"""Installations and their steps. Every change of state is one conditional update: of two that race, one wins."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, insert, select, update

from mandat.marketplace.stacks.yaml_text import JsonValue
from mandat.marketplace.states import AT_WORK, STARTS_AN_ATTEMPT, Event, State, StepState, sources
from mandat.marketplace.store.database import Database, insert_unless_there
from mandat.marketplace.store.schema import MAX_QUERY_ID, asks, connections, documents, editions, installations, steps
from mandat.marketplace.store.values import Edition, Installation, NewInstallation, Problem, ProblemKind, StepRecord
from mandat.protocol.access_rule import AccessRule


class Installations:
    """Installations in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, order: NewInstallation, *, at: float) -> None:
        """Keeps an order, in state AWAITING_PERMISSION, with its steps waiting, and the document it is made from."""
        with self._database.writing() as connection:
            connection.execute(
                insert_unless_there(connection, documents)
                .values(digest=order.digest, source=order.source)
                .on_conflict_do_nothing()
            )
            connection.execute(
                insert(installations).values(
                    id=order.id,
                    user_id=order.user_id,
                    stack_id=order.stack_id,
                    digest=order.digest,
                    inputs=json.dumps(order.inputs),
                    rules=json.dumps([[rule.method, rule.path] for rule in order.rules]),
                    state=State.AWAITING_PERMISSION.value,
                    attempt=0,
                    ordered=at,
                    changed=at,
                )
            )
            rows = [
                {
                    "installation_id": order.id,
                    "step_id": step_id,
                    "position": position,
                    "state": StepState.WAITING.value,
                    "tries": 0,
                }
                for position, step_id in enumerate(order.step_ids)
            ]
            connection.execute(insert(steps), rows)

    def find_own(self, user_id: int, installation_id: str) -> Installation | None:
        """One of this customer's; somebody else's is not found."""
        return self._find((installations.c.id == installation_id) & (installations.c.user_id == user_id))

    def find(self, installation_id: str) -> Installation | None:
        """For the engine, which works for everybody. Pages use `find_own`."""
        return self._find(installations.c.id == installation_id)

    def list_own(self, user_id: int, *, limit: int = 200) -> list[Installation]:
        """This customer's, newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                select(installations)
                .where(installations.c.user_id == user_id)
                .order_by(installations.c.ordered.desc())
                .limit(limit)
            ).all()
            pending = _pending(connection, [row.id for row in rows])
        return [_installation(row, pending) for row in rows]

    def list_running(self) -> list[Installation]:
        """Those that the engine has to be at work on."""
        with self._database.reading() as connection:
            rows = connection.execute(
                select(installations).where(installations.c.state.in_([state.value for state in AT_WORK]))
            ).all()
            pending = _pending(connection, [row.id for row in rows])
        return [_installation(row, pending) for row in rows]

    def source_of(self, digest: str) -> str:
        """The stack document of an installation, as it was when ordered."""
        with self._database.reading() as connection:
            return str(connection.execute(select(documents.c.source).where(documents.c.digest == digest)).scalar_one())

    def change(
        self,
        installation_id: str,
        event: Event,
        *,
        at: float,
        attempt: int | None = None,
        problem: Problem | None = None,
        connection_id: int | None = None,
    ) -> State | None:
        """Applies `event` if the present state has that edge.

        Args:
            attempt: the attempt the news is from; news of another one changes nothing.
            problem: why it stands still now; kept until the next change.
            connection_id: the permission to go on with, for installing or for removing.

        Returns:
            The new state; None when nothing was changed.
        """
        values: dict[str, Any] = {"changed": at, "problem": _problem_text(problem)}
        if event in STARTS_AN_ATTEMPT:
            values["attempt"] = installations.c.attempt + 1
        with self._database.writing() as connection:
            for source, target in sources(event).items():
                condition = and_(installations.c.id == installation_id, installations.c.state == source.value)
                if attempt is not None:
                    condition = and_(condition, installations.c.attempt == attempt)
                given = _permission(target, connection_id)
                changed = connection.execute(
                    update(installations).where(condition).values(state=target.value, **values, **given)
                )
                if changed.rowcount:
                    return target
        return None

    def plan_removal(self, installation_id: str, *, rules: Sequence[AccessRule], positions: Mapping[str, int]) -> None:
        """Keeps what a removal may do, and its steps by position; those that are known already stay as they are."""
        rows = [
            {
                "installation_id": installation_id,
                "step_id": step_id,
                "position": position,
                "state": StepState.WAITING.value,
                "tries": 0,
            }
            for step_id, position in positions.items()
        ]
        stored = json.dumps([[rule.method, rule.path] for rule in rules])
        with self._database.writing() as connection:
            connection.execute(
                update(installations).where(installations.c.id == installation_id).values(removal_rules=stored)
            )
            added = insert_unless_there(connection, steps)
            # An upgrade that stopped may have left a step of removing that is due now, at another place.
            known = ["installation_id", "step_id"]
            moved = {"position": added.excluded.position}
            connection.execute(added.on_conflict_do_update(index_elements=known, set_=moved), rows)

    def forget(self, installation_id: str, *, state: State) -> bool:
        """Takes an installation out of the list, with all that is known about it, if it still is in `state`."""
        with self._database.writing() as connection:
            found = connection.execute(
                select(installations.c.id).where(
                    installations.c.id == installation_id, installations.c.state == state.value
                )
            ).first()
            if found is None:
                return False
            for table in (asks, connections, editions, steps):
                connection.execute(delete(table).where(table.c.installation_id == installation_id))
            connection.execute(delete(installations).where(installations.c.id == installation_id))
        return True

    def note_problem(self, installation_id: str, problem: Problem, *, at: float) -> None:
        """Says on the page what happened, without a change of state."""
        with self._database.writing() as connection:
            connection.execute(
                update(installations)
                .where(installations.c.id == installation_id)
                .values(problem=_problem_text(problem), changed=at)
            )

    def list_steps(self, installation_id: str) -> list[StepRecord]:
        """In the order they are done in."""
        with self._database.reading() as connection:
            rows = connection.execute(
                select(steps).where(steps.c.installation_id == installation_id).order_by(steps.c.position)
            ).all()
        return [_step(row) for row in rows]

    def start_step(self, installation_id: str, step_id: str, *, at: float) -> None:
        """Notes, durably and before anything is sent, that a step is being tried."""
        self._change_step(
            installation_id, step_id, state=StepState.RUNNING.value, tries=steps.c.tries + 1, started=at, ended=None
        )

    def finish_step(
        self, installation_id: str, step_id: str, *, outputs: dict[str, JsonValue], query_id: str | None, at: float
    ) -> None:
        """The step is done; it is never tried again."""
        self._change_step(
            installation_id,
            step_id,
            state=StepState.DONE.value,
            # A step that changes in place what is there answers no ids: those that are known stay.
            outputs=json.dumps(outputs) if outputs else func.coalesce(steps.c.outputs, "{}"),
            query_id=_shown(query_id),
            ended=at,
        )

    def pause_step(self, installation_id: str, step_id: str, *, query_id: str | None, at: float) -> None:
        """The step was tried, did not work, and may be tried again."""
        self._change_step(installation_id, step_id, state=StepState.FAILED.value, query_id=_shown(query_id), ended=at)

    def _change_step(self, installation_id: str, step_id: str, **values: Any) -> None:
        with self._database.writing() as connection:
            connection.execute(
                update(steps)
                .where(
                    steps.c.installation_id == installation_id,
                    steps.c.step_id == step_id,
                    steps.c.state != StepState.DONE.value,
                )
                .values(**values)
            )

    def _find(self, condition: Any) -> Installation | None:
        with self._database.reading() as connection:
            row = connection.execute(select(installations).where(condition)).first()
            return _installation(row, _pending(connection, [row.id])) if row else None


def _pending(connection: Connection, ids: Sequence[str]) -> dict[str, list[Edition]]:
    """The editions that these installations are on their way to, oldest first."""
    found: dict[str, list[Edition]] = {}
    rows = connection.execute(select(editions).where(editions.c.installation_id.in_(ids)).order_by(editions.c.number))
    for row in rows:
        found.setdefault(row.installation_id, []).append(
            Edition(
                number=row.number,
                digest=row.digest,
                inputs=json.loads(row.inputs),
                rules=_rules(json.loads(row.rules)),
                ways=json.loads(row.ways),
                course=tuple(json.loads(row.course)),
                undoes=row.undoes,
            )
        )
    return found


def _installation(row: Row[Any], pending: Mapping[str, Sequence[Edition]]) -> Installation:
    return Installation(
        id=row.id,
        user_id=row.user_id,
        stack_id=row.stack_id,
        digest=row.digest,
        inputs=json.loads(row.inputs),
        rules=_rules(json.loads(row.rules)),
        state=State(row.state),
        attempt=row.attempt,
        connection_id=row.connection_id,
        problem=_problem(row.problem),
        ordered=row.ordered,
        changed=row.changed,
        removal_rules=_rules(json.loads(row.removal_rules or "[]")),
        removal_connection_id=row.removal_connection_id,
        edition=row.edition,
        pending=tuple(pending.get(row.id, ())),
        upgrade_connection_id=row.upgrade_connection_id,
    )


def _shown(query_id: str | None) -> str | None:
    """As much of a provider's word as the table takes; PostgreSQL refuses a row with more."""
    return query_id and query_id[:MAX_QUERY_ID]


def _permission(target: State, connection_id: int | None) -> dict[str, int]:
    if connection_id is None:
        return {}
    columns = {State.REMOVING: "removal_connection_id", State.UPGRADING: "upgrade_connection_id"}
    return {columns.get(target, "connection_id"): connection_id}


def _rules(stored: Sequence[Sequence[str]]) -> tuple[AccessRule, ...]:
    return tuple(AccessRule(method, path) for method, path in stored)


def _problem_text(problem: Problem | None) -> str | None:
    if problem is None:
        return None
    return json.dumps([problem.kind.value, problem.message, problem.query_id, problem.step_id])


def _problem(stored: str | None) -> Problem | None:
    if stored is None:
        return None
    kind, message, query_id, step_id = json.loads(stored)
    return Problem(ProblemKind(kind), message, query_id, step_id)


def _step(row: Row[Any]) -> StepRecord:
    return StepRecord(
        step_id=row.step_id,
        state=StepState(row.state),
        tries=row.tries,
        outputs=json.loads(row.outputs) if row.outputs is not None else None,
        query_id=row.query_id,
        started=row.started,
        ended=row.ended,
    )
