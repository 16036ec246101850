"""`mandat account ...`: the operator's commands for accounts and their logins."""

import sys
from getpass import getpass
from typing import TYPE_CHECKING, Literal

from cyclopts import App

from mandat.cli.operators.administration import ACTOR, LOCAL, NO_OPTIONS, accepted, administer, get_user, problem
from mandat.cli.options import AdminOptions, AnyText, JsonFlag, UsageFault
from mandat.cli.output import counted, say, say_json, say_table

if TYPE_CHECKING:
    from mandat.authority.values import User
    from mandat.server.operations.administration import Administration

account = App(name="account", help="Accounts and their logins: create, list, close.", group="Administer")


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
        return _user_fields(accepted(added))

    created = administer(options, work)
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

    found = administer(options, work)
    if as_json:
        say_json(found)
    else:
        rows = [
            (str(one["login"]), str(one["account"]), str(one["role"]), "closed" if one["closed"] else "open")
            for one in found
        ]
        say_table(counted(len(found), "login"), ("login", "account", "role", "state"), rows)
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
        who = (await get_user(admin, login)).account
        if not await admin.authority.close_account(who, actor=ACTOR, address=LOCAL):
            raise problem(f"The account {who} of {login} is closed already.")
        return who

    say(f"Closed the account {administer(options, work)}.")
    return 0


def _user_fields(user: "User") -> dict[str, str]:
    return {"login": user.login, "account": user.account, "role": user.role.value}


def _read_password() -> str:
    if sys.stdin.isatty():
        first = getpass("Password: ")
        if getpass("Again: ") != first:
            raise UsageFault("The two passwords differ.")
        return first
    return sys.stdin.readline().rstrip("\r\n")
