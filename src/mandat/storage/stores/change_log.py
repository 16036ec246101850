"""What tells gateways which grants and applications to forget. Written in the transaction of the change itself."""

from sqlalchemy import Connection, delete, insert

from mandat.storage.engine.tables import grant_changes

KEPT_CHANGES = 100_000
"""A reader that is further behind finds a gap in the sequence and starts over with an empty memory."""
_TIDY_EVERY = 1_000


def note_grant_change(connection: Connection, consumer_key_hash: bytes, *, at: int) -> None:
    """The credential with this key was made or changed."""
    _note(connection, consumer_key_hash=consumer_key_hash, at=at)


def note_application_change(connection: Connection, application_key: str, *, at: int) -> None:
    """The application with this key was made, changed or deleted."""
    _note(connection, application_key=application_key, at=at)


def _note(connection: Connection, **values: object) -> None:
    # The numbers have no gaps: AUTOINCREMENT counts up by one, and a savepoint rolled back gives its number back.
    sequence = connection.execute(insert(grant_changes), values).inserted_primary_key
    number = int(sequence[0]) if sequence else 0
    if number % _TIDY_EVERY == 0:
        connection.execute(delete(grant_changes).where(grant_changes.c.sequence <= number - KEPT_CHANGES))


def make_everybody_forget(connection: Connection, *, at: int) -> None:
    """Every reader starts over with an empty memory: it finds a number missing."""
    skipped = connection.execute(insert(grant_changes), {"at": at}).inserted_primary_key
    connection.execute(delete(grant_changes).where(grant_changes.c.sequence == (skipped[0] if skipped else 0)))
    _note(connection, at=at)
