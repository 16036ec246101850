"""`mandat migrate`: from SQLite to PostgreSQL."""

from mandat.cli.operators.administration import NO_OPTIONS
from mandat.cli.options import AdminOptions, JsonFlag, find_config
from mandat.cli.output import say, say_json, say_table


def migrate(*, to: str, as_json: JsonFlag = False, options: AdminOptions = NO_OPTIONS) -> int:
    """Move a stopped installation from SQLite to an empty PostgreSQL database, all or nothing.

    Parameters
    ----------
    to
        postgresql://USER@HOST:PORT/DATABASE, without a password: that comes from $MANDAT_STORAGE_PASSWORD or libpq.
    as_json
        Print {"to": ..., "rows": {TABLE: NUMBER}}.
    """
    from mandat.server.operations.moving import move_installation

    config = find_config(options)
    moved = move_installation(config, to)
    if as_json:
        say_json({"to": moved.to, "rows": moved.rows})
        return 0
    say_table(f"Moved to {moved.to}", ("table", "rows"), [(name, str(rows)) for name, rows in moved.rows.items()])
    say("\nCounts, signatures and history were verified there. The SQLite files are left as they are.")
    say(f'Now set storage = "{to}" in {config} and start: mandat serve')
    return 0
