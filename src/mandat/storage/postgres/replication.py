"""Whether a commit that was acknowledged outlives the loss of the primary: what `postgres.ha` asks for.

Asynchronous replication lost 3,307 of 5,861 acknowledged rows at a fail-over, synchronous 0 (threats.md R7). That the
standby is asked is PostgreSQL's configuration; this only looks, and names the setting that is not as it must be.
"""

import psycopg

from mandat.storage.postgres.place import PostgresPlace, refusal

_WAITING = ("on", "remote_apply")
"""Values of `synchronous_commit` with which a commit waits until the standby has it on its disk."""


def find_replication_weakness(place: PostgresPlace) -> str | None:
    """What keeps commits from being on two servers, as a sentence that names the setting; None when nothing does.

    Raises:
        DatabaseRefused: it cannot be reached.
    """
    try:
        with psycopg.connect(place.conninfo(role="replication check", settings={}), autocommit=True) as connection:
            return _weakness(place, connection)
    except psycopg.Error as fault:
        raise refusal(place, fault) from fault


def _weakness(place: PostgresPlace, connection: psycopg.Connection) -> str | None:
    asked = f"postgres.ha is true, and the database {place}"
    commit = _setting(connection, "synchronous_commit")
    if commit not in _WAITING:
        return (
            f"{asked} has synchronous_commit = {commit}: a commit would not wait for the standby's disk; set it to on."
        )
    if not _setting(connection, "synchronous_standby_names").strip():
        return (
            f"{asked} has an empty synchronous_standby_names: what was acknowledged would be lost with the primary; "
            "name the standbys, for example 'ANY 1 (*)', and reload the server."
        )
    states = connection.execute("SELECT sync_state FROM pg_stat_replication").fetchall()
    if any(state in {"sync", "quorum"} for (state,) in states):
        return None
    if any(state is None for (state,) in states):
        return (
            f"{asked} does not let its user see pg_stat_replication; grant it the role pg_monitor, "
            "so that Mandat can see that a standby follows synchronously."
        )
    return (
        f"{asked} has no synchronous standby in pg_stat_replication (sync_state sync or quorum): no commit could be "
        "acknowledged; start a standby whose application_name synchronous_standby_names lists."
    )


def _setting(connection: psycopg.Connection, name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
    return "" if row is None else str(row[0])
