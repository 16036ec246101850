"""`mandat app ...`: the operator's commands for registered applications."""

from typing import TYPE_CHECKING, Literal

from cyclopts import App

from mandat.cli.operators.administration import ACTOR, LOCAL, NO_OPTIONS, accepted, administer, get_user, problem
from mandat.cli.options import AdminOptions, JsonFlag
from mandat.cli.output import counted, say, say_json, say_table

if TYPE_CHECKING:
    from mandat.authority.values import Application, User
    from mandat.server.operations.administration import Administration

app = App(
    name="app",
    help="Registered applications: create, list, suspend, resume, delete; replace their secrets.",
    group="Administer",
)


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
        issued = accepted(issued)
        return issued.application.key, issued.secret

    key, secret = administer(options, work)
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
        mine = (await get_user(admin, owner)).account if owner is not None else None
        return [
            {**_application_fields(own.application), "customers": own.customers}
            for own in await admin.authority.applications.list_own(mine)
        ]

    found = administer(options, work)
    if as_json:
        say_json(found)
    else:
        columns = ("id", "key", "name", "owner", "status", "customers")
        rows = [[str(one[column]) for column in columns] for one in found]
        say_table(counted(len(found), "application"), columns, rows)
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


def _change(options: AdminOptions, application: str, verb: Literal["suspend", "resume", "delete"], done: str) -> int:
    async def work(admin: "Administration") -> str:
        found = await find_application(admin, application)
        if not await getattr(admin.authority.applications, verb)(None, found.id, actor=ACTOR, address=LOCAL):
            raise problem(f"The application {found.key} was not {done}: it is {found.status.value} now.")
        return found.name

    say(f'The application "{administer(options, work)}" is {done}.')
    return 0


async def find_application(admin: "Administration", wanted: str) -> "Application":
    """The application with that key or number. Raises Problem when there is none."""
    known = await admin.authority.applications.list_applications(None)
    for one in known:
        if wanted in (one.key, str(one.id)):
            return one
    raise problem(f"There is no application {wanted}. See `mandat app list`.")


async def _owner(admin: "Administration", login: str | None) -> "User":
    if login is not None:
        return await get_user(admin, login)
    everybody = [user for user in await admin.list_users() if not user.closed]
    for role in ("operator", "developer"):
        for user in everybody:
            if user.role == role:
                return user
    raise problem(
        "Nobody could own the application. Give --owner, or first: mandat account create --login L --role operator"
    )


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
