"""`mandat backup` and `mandat restore`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mandat.cli.operators.administration import NO_OPTIONS
from mandat.cli.options import AdminOptions, JsonFlag, Switch, find_config
from mandat.cli.output import say, say_json

if TYPE_CHECKING:
    from mandat.storage.operations.restore import Restored
    from mandat.storage.operations.since_backup import SinceBackup


def backup(file: Path, /, *, as_json: JsonFlag = False, options: AdminOptions = NO_OPTIONS) -> int:
    """Write a backup of the databases, while everything runs. The keys are not in it: keep them apart.

    Parameters
    ----------
    file
        Where to; must not exist yet.
    as_json
        Print what the backup says of itself.
    """
    from dataclasses import asdict

    from mandat.server.operations.backup import back_up

    manifest = back_up(find_config(options), file)
    if as_json:
        say_json(asdict(manifest))
    else:
        say(f"Wrote {file}: history through line {manifest.last_audit}, as of {_time(manifest.at)}.")
        say("The key files are not in it. Keep a copy of them elsewhere.")
    return 0


def restore(
    file: str,
    /,
    *,
    revive: Switch = False,
    list_only: Switch = False,
    as_json: JsonFlag = False,
    options: AdminOptions = NO_OPTIONS,
) -> int:
    """Put a backup in place of the databases. What was revoked since stays revoked; it is listed. Stop Mandat first.

    Parameters
    ----------
    file
        The backup. On PostgreSQL: the URL of the database that pg_restore filled.
    revive
        Let what was revoked, suspended or ended since be valid again.
    list_only
        Change nothing; list what was taken back since.
    as_json
        Print one object.
    """
    from mandat.server.operations.backup import restore as put_back

    done = put_back(find_config(options), file, revive=revive, only_look=list_only)
    if as_json:
        say_json(_fields(done))
        return 0
    _tell_since(done)
    if list_only:
        say("Nothing was changed.")
    else:
        say(f"Restored the state of {_time(done.at)}. Everybody has to log in again.")
        if done.before is not None:
            say(f"The databases of before are in {done.before}; remove them when you no longer need them.")
        if "://" in file:
            say("Now set `storage` (and `postgres.gateway_url`) of every node to the restored database, and start.")
    return 0


def _tell_since(done: "Restored") -> None:
    if done.since is None:
        say("There was no database to compare with: what was revoked since the backup is valid again. Look at exports")
        say("of history (`mandat audit export`) or at the access log, and revoke it before you start.")
        return
    for what, ids in _taken_back(done.since).items():
        if ids:
            say(f"{what}: {', '.join(map(str, ids))}")
    if any(_taken_back(done.since).values()):
        say("That is valid again, as asked for." if done.revived else "That stays so.")
    else:
        say("Nothing was taken back since the backup.")
    if done.since.lost_credentials or done.since.lost_applications:
        lost = f"{done.since.lost_credentials} delegations and {done.since.lost_applications} applications"
        say(f"{lost} are newer than the backup and are gone.")


def _taken_back(since: "SinceBackup") -> dict[str, list[int]]:
    return {
        "Delegations ended since": since.revoked,
        "Delegations whose addresses changed since": list(since.narrowed),
        "Applications deleted since": since.deleted_applications,
        "Applications suspended since": list(since.suspended_applications),
        "Applications whose secret ended since": sorted({application for application, _ in since.ended_secrets}),
        "Logins changed or closed since": [row["id"] for row in since.users],
    }


def _fields(done: "Restored") -> dict[str, object]:
    since = done.since
    return {
        "backup_at": done.at,
        "revived": done.revived,
        "before": None if done.before is None else str(done.before),
        "since": None
        if since is None
        else {
            "revoked": since.revoked,
            "networks_changed": list(since.narrowed),
            "applications_deleted": since.deleted_applications,
            "applications_suspended": list(since.suspended_applications),
            "secrets_ended": [list(pair) for pair in since.ended_secrets],
            "users_changed": [row["id"] for row in since.users],
            "credentials_lost": since.lost_credentials,
            "applications_lost": since.lost_applications,
        },
    }


def _time(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
