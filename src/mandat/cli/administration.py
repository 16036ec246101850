"""Commands of the operator: `mandat app ...` and `mandat account ...`, on the databases of an installation.

They go through the authority's own flows, so that what the pages refuse is refused here, and a running system sees
every change at once.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from getpass import getpass
from typing import TYPE_CHECKING, Literal, TypeVar

from cyclopts import App

from mandat.cli.options import AdminOptions, AnyText, JsonFlag, UsageFault, find_config
from mandat.cli.output import say, say_json, say_table

if TYPE_CHECKING:
    from mandat.authority.values import Application, User
    from mandat.server.administration import Administration

LOCAL = "127.0.0.1"
"""What the audit shows as the address of somebody who sits at the machine."""
ACTOR = "operator"

app = App(name="app", help="Registered applications: create, list, suspend, resume, delete.", group="Administer")
account = App(name="account", help="Accounts and their logins: create, list, close.", group="Administer")
Result = TypeVar("Result")
NO_OPTIONS = AdminOptions()


@app.command(name="create")
def create_application(
    *,
    name: str,
    description: str,
    owner: str | None = None,
    as_json: JsonFlag = False,
    options: AdminOptions = NO_OPTIONS,
) -> int:
    """Register an application; its secret is shown here and never again.

    Parameters
    ----------
    name
        What customers will read.
    description
        What it does, for customers.
    owner
        Login of the developer; without it the first operator, else the first developer.
    as_json
        Print {"key": ..., "secret": ...}.
    """

    async def work(admin: "Administration") -> tuple[str, str]:
        who = await _owner(admin, owner)
        issued = await admin.authority.registration.register(who, name=name, description=description, address=LOCAL)
        issued = _accepted(issued)
        return issued.application.key, issued.secret

    key, secret = _run(options, work)
    if as_json:
        say_json({"key": key, "secret": secret})
    else:
        say(f"application key     {key}\napplication secret  {secret}\nKeep the secret: it is not shown again.")
    return 0


@app.command(name="list")
def list_applications(
    *, owner: str | None = None, as_json: JsonFlag = False, options: AdminOptions = NO_OPTIONS
) -> int:
    """List registered applications.

    Parameters
    ----------
    owner
        Only those of this login's account.
    as_json
        Print a list of objects.
    """

    async def work(admin: "Administration") -> list[dict[str, object]]:
        mine = (await _user(admin, owner)).account if owner is not None else None
        return [
            {**_application_fields(own.application), "customers": own.customers}
            for own in await admin.authority.applications.list_own(mine)
        ]

    found = _run(options, work)
    if as_json:
        say_json(found)
    else:
        columns = ("id", "key", "name", "owner", "status", "customers")
        say_table(f"{len(found)} applications", columns, [[str(one[column]) for column in columns] for one in found])
    return 0


@app.command(name="suspend")
def suspend_application(application: str, /, *, options: AdminOptions = NO_OPTIONS) -> int:
    """Let no call of an application pass until it is resumed; delegations stay.

    Parameters
    ----------
    application
        Its key or its number.
    """
    return _change(options, application, "suspend", "suspended")


@app.command(name="resume")
def resume_application(application: str, /, *, options: AdminOptions = NO_OPTIONS) -> int:
    """Lift a suspension.

    Parameters
    ----------
    application
        Its key or its number.
    """
    return _change(options, application, "resume", "resumed")


@app.command(name="delete")
def delete_application(application: str, /, *, options: AdminOptions = NO_OPTIONS) -> int:
    """Delete an application and end every delegation to it.

    Parameters
    ----------
    application
        Its key or its number.
    """
    return _change(options, application, "delete", "deleted")


@account.command(name="create")
def create_account(
    *,
    login: str,
    password: AnyText | None = None,
    role: Literal["customer", "developer", "operator"] = "customer",
    as_json: JsonFlag = False,
    options: AdminOptions = NO_OPTIONS,
) -> int:
    """Open an account with one login.

    Parameters
    ----------
    login
        3 to 64 letters, digits and . _ @ + -
    password
        8 characters or more; asked for (or read from standard input) when not given.
    role
        What the login may do.
    as_json
        Print {"login": ..., "account": ..., "role": ...}.
    """
    chosen = _read_password() if password is None else password

    async def work(admin: "Administration") -> dict[str, str]:
        from mandat.authority.values import Role

        added = await admin.authority.login.sign_up(login, chosen, role=Role(role), address=LOCAL, throttled=False)
        return _user_fields(_accepted(added))

    created = _run(options, work)
    if as_json:
        say_json(created)
    else:
        say(f"Created {created['login']}, {created['role']}, account {created['account']}.")
    return 0


@account.command(name="list")
def list_accounts(*, as_json: JsonFlag = False, options: AdminOptions = NO_OPTIONS) -> int:
    """List logins and their accounts.

    Parameters
    ----------
    as_json
        Print a list of objects.
    """

    async def work(admin: "Administration") -> list[dict[str, object]]:
        return [{**_user_fields(user), "closed": user.closed} for user in await admin.list_users()]

    found = _run(options, work)
    if as_json:
        say_json(found)
    else:
        rows = [
            (str(one["login"]), str(one["account"]), str(one["role"]), "closed" if one["closed"] else "open")
            for one in found
        ]
        say_table(f"{len(found)} logins", ("login", "account", "role", "state"), rows)
    return 0


@account.command(name="close")
def close_account(login: str, /, *, options: AdminOptions = NO_OPTIONS) -> int:
    """Close the account of a login: takes back its delegations, suspends its applications, ends its sessions.

    Parameters
    ----------
    login
        One of its logins.
    """

    async def work(admin: "Administration") -> str:
        who = (await _user(admin, login)).account
        if not await admin.authority.close_account(who, actor=ACTOR, address=LOCAL):
            raise _problem(f"The account {who} of {login} is closed already.")
        return who

    say(f"Closed the account {_run(options, work)}.")
    return 0


def _run(options: AdminOptions, work: Callable[["Administration"], Awaitable[Result]]) -> Result:
    from mandat.server.administration import open_administration

    config = find_config(options)

    async def run() -> Result:
        async with open_administration(config) as admin:
            return await work(admin)

    return asyncio.run(run())


def _change(options: AdminOptions, application: str, verb: Literal["suspend", "resume", "delete"], done: str) -> int:
    async def work(admin: "Administration") -> str:
        found = await _application(admin, application)
        if not await getattr(admin.authority.applications, verb)(None, found.id, actor=ACTOR, address=LOCAL):
            raise _problem(f"The application {found.key} was not {done}: it is {found.status.value} now.")
        return found.name

    say(f'The application "{_run(options, work)}" is {done}.')
    return 0


async def _application(admin: "Administration", wanted: str) -> "Application":
    known = await admin.authority.applications.list_applications(None)
    for one in known:
        if wanted in (one.key, str(one.id)):
            return one
    raise _problem(f"There is no application {wanted}. See `mandat app list`.")


async def _user(admin: "Administration", login: str) -> "User":
    found = await admin.find_user(login)
    if found is None:
        raise _problem(f"There is no login {login}. See `mandat account list`.")
    return found


async def _owner(admin: "Administration", login: str | None) -> "User":
    if login is not None:
        return await _user(admin, login)
    everybody = [user for user in await admin.list_users() if not user.closed]
    for role in ("operator", "developer"):
        for user in everybody:
            if user.role == role:
                return user
    raise _problem(
        "Nobody could own the application. Give --owner, or first: mandat account create --login L --role operator"
    )


def _accepted(outcome: "Result | object") -> "Result":
    from mandat.authority.fault import Fault

    if isinstance(outcome, Fault):
        raise _problem(f"{outcome.field}: {outcome.message}." if outcome.field else f"{outcome.message}.")
    return outcome  # type: ignore[return-value]


def _problem(sentence: str) -> Exception:
    from mandat.server.problems import Problem

    return Problem(sentence)


def _application_fields(application: "Application") -> dict[str, object]:
    return {
        "id": application.id,
        "key": application.key,
        "name": application.name,
        "description": application.description,
        "owner": application.owner,
        "status": application.status.value,
        "created": application.created,
    }


def _user_fields(user: "User") -> dict[str, str]:
    return {"login": user.login, "account": user.account, "role": user.role.value}


def _read_password() -> str:
    if sys.stdin.isatty():
        first = getpass("Password: ")
        if getpass("Again: ") != first:
            raise UsageFault("The two passwords differ.")
        return first
    return sys.stdin.readline().rstrip("\r\n")
