"""Seeds a fresh demo: people, one application for scripts, zones. Runs once, in a process of its own.

Passwords and keys are drawn at random and stand in seed.json, which only its owner may read.
"""

import asyncio
import json
import sys
from pathlib import Path

from mandat.authority.fault import Fault
from mandat.authority.values import Role, User
from mandat.protocol.keys import make_key
from mandat.sandbox.operating.seeds import seed as seed_sandbox
from mandat.server.demo.running import FIRST_CUSTOMER_ZONES, SECOND_CUSTOMER_ZONES, DemoPlaces, write_private
from mandat.server.nature import entropy
from mandat.server.operations.administration import Administration, open_administration
from mandat.server.problems import Problem

PEOPLE = (("alice", Role.CUSTOMER), ("bruno", Role.CUSTOMER), ("dana", Role.DEVELOPER), ("olga", Role.OPERATOR))
SEEDED_FROM = "127.0.0.1"


async def seed_demo(places: DemoPlaces) -> None:
    """Creates what a fresh demo starts with and writes seed.json last, so that an interrupted seeding is seen.

    Raises:
        Problem: a flow refused, which means that the folder holds something else.
    """
    accounts: list[dict[str, str]] = []
    async with open_administration(places.config_file) as admin:
        for login, role in PEOPLE:
            password = make_key(entropy, 16)
            user = await _user(admin, login, password, role)
            accounts.append({"login": login, "password": password, "account": user.account, "role": role.value})
            if role is Role.DEVELOPER:
                application = await _application(admin, user)
    first, second = accounts[0]["account"], accounts[1]["account"]
    zones = dict.fromkeys(FIRST_CUSTOMER_ZONES, first) | dict.fromkeys(SECOND_CUSTOMER_ZONES, second)
    seed_sandbox(places.folder / "sandbox", accounts=[first, second], zones=zones)
    write_private(places.seed_file, json.dumps({"accounts": accounts, "application": application}, indent=2) + "\n")


async def _user(admin: Administration, login: str, password: str, role: Role) -> User:
    user = await admin.authority.login.sign_up(login, password, role=role, address=SEEDED_FROM)
    if isinstance(user, Fault):
        raise Problem(f"Seeding stopped at the login {login}: {user.message}; empty the demo's folder and start again.")
    return user


async def _application(admin: Administration, owner: User) -> dict[str, str]:
    issued = await admin.authority.registration.register(
        owner, name="Demo scripts", description="Ready-made for trying calls from scripts", address=SEEDED_FROM
    )
    if isinstance(issued, Fault):
        raise Problem(f"Seeding stopped at the application: {issued.message}.")
    return {"key": issued.application.key, "secret": issued.secret}


if __name__ == "__main__":
    try:
        asyncio.run(seed_demo(DemoPlaces(folder=Path(sys.argv[1]), port=int(sys.argv[2]))))
    except Problem as problem:
        sys.exit(problem.sentence)
