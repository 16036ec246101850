"""`mandat app rotate`, `secrets`, `end-secret`: replacing an application's secret without a failed call."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mandat.cli.operators.administration import ACTOR, LOCAL, NO_OPTIONS, accepted, administer
from mandat.cli.operators.applications import find_application
from mandat.cli.options import AdminOptions, JsonFlag, UsageFault
from mandat.cli.output import counted, say, say_json, say_table

if TYPE_CHECKING:
    from mandat.authority.applications.secrets import SecretInUse
    from mandat.authority.values import ApplicationSecret
    from mandat.server.operations.administration import Administration

DAY_SECONDS = 86_400


def rotate_secret(
    application: str,
    /,
    *,
    overlap_days: int | None = None,
    as_json: JsonFlag = False,
    options: AdminOptions = NO_OPTIONS,
) -> int:
    """Give an application a second secret; both sign until the old one ends. The new one is shown here only.

    Parameters
    ----------
    application
        Its key or its number.
    overlap_days
        End the old secret after so many days (0: now); without it the old one stays until `mandat app end-secret`.
    as_json
        Print {"key": ..., "secret": ..., "secret_id": ..., "old_ends": ...}.
    """
    if overlap_days is not None and not 0 <= overlap_days <= 366:
        raise UsageFault("--overlap-days must lie between 0 and 366.")

    async def work(admin: "Administration") -> dict[str, object]:
        found = await find_application(admin, application)
        secrets = admin.authority.application_secrets
        issued = accepted(await secrets.add_secret(None, found.id, actor=ACTOR, address=LOCAL))
        old_ends = None
        if overlap_days is not None:
            ends = int(admin.authority.clock()) + overlap_days * DAY_SECONDS if overlap_days else None
            for old in await secrets.list_secrets(None, found.id) or []:
                if old.secret.id != issued.secret.id:
                    ended = await secrets.end_secret(
                        None, found.id, old.secret.id, ends=ends, actor=ACTOR, address=LOCAL
                    )
                    old_ends = accepted(ended).ends
        return {"key": found.key, "secret": issued.text, "secret_id": issued.secret.id, "old_ends": old_ends}

    made = administer(options, work)
    if as_json:
        say_json(made)
        return 0
    say(f"application key     {made['key']}\nnew secret          {made['secret']}\nKeep it: it is not shown again.")
    if made["old_ends"] is None:
        say(f"The old secret goes on signing. When nobody uses it any more: mandat app end-secret {made['key']} NUMBER")
    else:
        say(f"The old secret ends {_time(int(str(made['old_ends'])))}.")
    return 0


def list_secrets(application: str, /, *, as_json: JsonFlag = False, options: AdminOptions = NO_OPTIONS) -> int:
    """List the secrets of an application that may sign, with the last use of each.

    Parameters
    ----------
    application
        Its key or its number.
    as_json
        Print a list of objects.
    """

    async def work(admin: "Administration") -> list[dict[str, object]]:
        found = await find_application(admin, application)
        return [_fields(one) for one in await admin.authority.application_secrets.list_secrets(None, found.id) or []]

    found = administer(options, work)
    if as_json:
        say_json(found)
    else:
        columns = ("id", "created", "ends", "last_use", "calls")
        rows = [
            [str(one["id"]), *(_time(one[name]) for name in ("created", "ends", "last_use")), str(one["calls"])]
            for one in found
        ]
        say_table(counted(len(found), "secret"), columns, rows)
    return 0


def end_secret(application: str, secret: int, /, *, at: str | None = None, options: AdminOptions = NO_OPTIONS) -> int:
    """End one of an application's secrets now, or at a time; another one without an end must remain.

    Parameters
    ----------
    application
        Its key or its number.
    secret
        The number of the secret, from `mandat app secrets`.
    at
        When, in UTC: 2030-01-31 or 2030-01-31T12:00. Now when not given.
    """
    ends = None if at is None else _moment(at)

    async def work(admin: "Administration") -> "ApplicationSecret":
        found = await find_application(admin, application)
        ended = await admin.authority.application_secrets.end_secret(
            None, found.id, secret, ends=ends, actor=ACTOR, address=LOCAL
        )
        return accepted(ended)

    administer(options, work)
    say(f"Secret {secret} signs no longer." if ends is None else f"Secret {secret} ends {_time(ends)}.")
    return 0


def _fields(one: "SecretInUse") -> dict[str, object]:
    use = one.last_use
    return {
        "id": one.secret.id,
        "created": one.secret.created,
        "ends": one.secret.ends,
        "last_use": None if use is None else use.at,
        "calls": 0 if use is None else use.calls,
    }


def _moment(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageFault(f"--at {text} is no time: write 2030-01-31 or 2030-01-31T12:00.") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _time(at: object) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC") if isinstance(at, int) else "-"


COMMANDS: dict[str, Callable[..., int]] = {"rotate": rotate_secret, "secrets": list_secrets, "end-secret": end_secret}
"""What `mandat app` has besides the commands of `applications`."""
