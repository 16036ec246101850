"""Editions: what an upgrade writes down before it begins, and what becomes of the ledger in the end."""

import json
import re
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from mandat.marketplace.states import UPGRADE, Event, State, StepState, sources
from mandat.marketplace.store.database import Database, insert_unless_there
from mandat.marketplace.store.schema import documents, editions, installations, steps
from mandat.marketplace.store.values import NewEdition

FIRST_POSITION = 10_000
"""Of the steps of edition 1; those of each further one begin as much later."""

_NAME_START = re.compile(r"[A-Za-z_]")


class Editions:
    """Editions in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, installation_id: str, new: NewEdition, *, at: float) -> bool:
        """Keeps where an upgrade goes, the records it goes through, and what is known of them already.

        The installation awaits the permission for it from now on.

        Returns:
            False, with nothing changed, when it is in no state for that, or another upgrade came first.
        """
        with self._database.writing() as connection:
            # The move locks the row, so that of two that ask at once the second sees what the first has begun.
            if not _move(connection, installation_id, Event.UPGRADE_ASKED, at=at):
                return False
            if _is_known(connection, installation_id, new.edition.number):
                return False
            _insert(connection, installation_id, new)
        return True

    def replace(self, installation_id: str, new: NewEdition, *, at: float) -> bool:
        """An upgrade that has nothing to send: the installation is of this edition at once. False as for `add`."""
        with self._database.writing() as connection:
            found = connection.execute(
                select(installations).where(
                    installations.c.id == installation_id,
                    installations.c.state == State.INSTALLED.value,
                    installations.c.edition < new.edition.number,
                )
            ).first()
            if found is None:
                return False
            _insert(connection, installation_id, new)
            _settle(connection, found, new.edition.number, at=at)
        return True

    def drop(self, installation_id: str, *, at: float) -> bool:
        """Forgets the edition that an installation is on its way to, and that has done nothing: it is as it was."""
        with self._database.writing() as connection:
            number = connection.execute(
                select(installations.c.edition).where(installations.c.id == installation_id)
            ).scalar()
            if number is None or not _move(connection, installation_id, Event.DROPPED, at=at):
                return False
            connection.execute(
                update(installations).where(installations.c.id == installation_id).values(upgrade_connection_id=None)
            )
            _forget_others(connection, installation_id, int(number))
        return True

    def settle(self, installation_id: str, number: int, *, at: float, attempt: int) -> bool:
        """The upgrade has come to its end: from now on the installation is of this edition, and of nothing else.

        What was kept belongs to it by the outputs that its own records hold.

        Returns:
            False, with nothing changed, when another attempt has begun meanwhile.
        """
        with self._database.writing() as connection:
            found = connection.execute(
                select(installations).where(
                    installations.c.id == installation_id,
                    installations.c.state == State.UPGRADING.value,
                    installations.c.attempt == attempt,
                )
            ).first()
            if found is None:
                return False
            _settle(connection, found, number, at=at)
        return True


def _move(connection: Connection, installation_id: str, event: Event, *, at: float) -> bool:
    for source, target in sources(event).items():
        if target not in UPGRADE and source not in UPGRADE:
            continue
        changed = connection.execute(
            update(installations)
            .where(installations.c.id == installation_id, installations.c.state == source.value)
            .values(state=target.value, changed=at, problem=None)
        )
        if changed.rowcount:
            return True
    return False


def _is_known(connection: Connection, installation_id: str, number: int) -> bool:
    known = select(editions.c.number).where(editions.c.installation_id == installation_id, editions.c.number == number)
    return connection.execute(known).first() is not None


def _insert(connection: Connection, installation_id: str, new: NewEdition) -> None:
    edition = new.edition
    connection.execute(
        insert_unless_there(connection, documents)
        .values(digest=edition.digest, source=new.source)
        .on_conflict_do_nothing()
    )
    connection.execute(
        insert(editions).values(
            installation_id=installation_id,
            number=edition.number,
            digest=edition.digest,
            inputs=json.dumps(edition.inputs),
            rules=json.dumps([[rule.method, rule.path] for rule in edition.rules]),
            ways=json.dumps(dict(edition.ways)),
            course=json.dumps(edition.course),
            undoes=edition.undoes,
        )
    )
    rows = [
        _row(installation_id, record_id, FIRST_POSITION * edition.number + place, new)
        for place, record_id in enumerate([*new.known, *new.waiting])
    ]
    connection.execute(insert_unless_there(connection, steps).on_conflict_do_nothing(), rows)


def _settle(connection: Connection, found: Row[Any], number: int, *, at: float) -> None:
    edition = connection.execute(
        select(editions).where(editions.c.installation_id == found.id, editions.c.number == number)
    ).one()
    connection.execute(
        update(installations)
        .where(installations.c.id == found.id)
        .values(
            state=State.INSTALLED.value,
            problem=None,
            changed=at,
            digest=edition.digest,
            inputs=edition.inputs,
            edition=number,
            connection_id=found.upgrade_connection_id or found.connection_id,
            upgrade_connection_id=None,
            removal_rules=None,
            removal_connection_id=None,
        )
    )
    _forget_others(connection, found.id, number)


def _forget_others(connection: Connection, installation_id: str, number: int) -> None:
    """Every edition but one, with its records."""
    known = connection.execute(select(steps.c.step_id).where(steps.c.installation_id == installation_id)).scalars()
    # Edition 0 has no number before its steps' names, and no name begins with a digit.
    others = [each for each in known if not (each.startswith(f"{number}.") if number else _NAME_START.match(each))]
    connection.execute(delete(steps).where(steps.c.installation_id == installation_id, steps.c.step_id.in_(others)))
    connection.execute(delete(editions).where(editions.c.installation_id == installation_id))


def _row(installation_id: str, record_id: str, position: int, new: NewEdition) -> dict[str, object]:
    outputs = new.known[record_id] if record_id in new.known else new.waiting[record_id]
    return {
        "installation_id": installation_id,
        "step_id": record_id,
        "position": position,
        "state": (StepState.DONE if record_id in new.known else StepState.WAITING).value,
        "tries": 0,
        "outputs": None if outputs is None else json.dumps(dict(outputs)),
    }
