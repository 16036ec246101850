"""How the operator's commands reach an installation: the authority's own flows, on its databases.

So what the pages refuse is refused here, and a running system sees every change at once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from mandat.cli.options import AdminOptions, find_config

if TYPE_CHECKING:
    from mandat.authority.fault import Fault
    from mandat.authority.values import User
    from mandat.server.operations.administration import Administration

LOCAL = "127.0.0.1"
"""What the audit shows as the address of somebody who sits at the machine."""
ACTOR = "operator"
NO_OPTIONS = AdminOptions()
Result = TypeVar("Result")


def administer(options: AdminOptions, work: Callable[["Administration"], Awaitable[Result]]) -> Result:
    """Does `work` on the installation that `options` means, and closes it again.

    Raises:
        UsageFault: there is no such installation. Problem: it cannot be used, or `work` was refused.
    """
    from mandat.server.operations.administration import open_administration

    config = find_config(options)

    async def run() -> Result:
        async with open_administration(config) as admin:
            return await work(admin)

    return asyncio.run(run())


async def get_user(admin: "Administration", login: str) -> "User":
    """The user of that login. Raises Problem when there is none."""
    found = await admin.find_user(login)
    if found is None:
        raise problem(f"There is no login {login}. See `mandat account list`.")
    return found


def accepted(outcome: "Result | Fault") -> Result:
    """What a flow answered. Raises Problem, in the flow's words, when it answered a Fault."""
    from mandat.authority.fault import Fault

    if isinstance(outcome, Fault):
        raise problem(f"{outcome.field}: {outcome.message}." if outcome.field else f"{outcome.message}.")
    return outcome


def problem(sentence: str) -> Exception:
    """A refusal in one sentence, ready to be raised."""
    from mandat.server.problems import Problem

    return Problem(sentence)
