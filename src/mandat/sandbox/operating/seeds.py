"""Accounts and zones to start with. Doing it again changes nothing; what callers changed meanwhile stays."""

import os
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from mandat.sandbox.dns.names import parse_absolute
from mandat.sandbox.store.accounts import AccountProfile, add_profile
from mandat.sandbox.store.cloud import Project, add_project, list_projects
from mandat.sandbox.store.database import only_sandbox_of, open_database, transaction
from mandat.sandbox.store.records import add_record, draw_record_id
from mandat.sandbox.store.vps import Vps, add_vps, list_vps
from mandat.sandbox.store.zones import Zone, add_zone, refresh_zone, zone_exists
from mandat.sandbox.vps.models import IMAGES
from mandat.sandbox.zone_content import Soa, ZoneRecord

NAME_SERVERS = ("dns1.sandbox.example.", "ns1.sandbox.example.")
"""What the seeded zones name as their servers. Nobody asks them: the sandbox's DNS server is asked by its port."""

PROJECT_DESCRIPTION = "Web"


def seed(
    folder: Path,
    *,
    accounts: Sequence[AccountProfile | str],
    zones: Mapping[str, str],
    clock: Callable[[], float] = time.time,
    entropy: Callable[[int], bytes] = os.urandom,
) -> None:
    """Puts accounts and zones into the sandbox of `folder`, which must not be running.

    Each account also gets a cloud project and a virtual server, unless it has one.

    Args:
        folder: the sandbox's data folder, created when missing.
        accounts: profiles, or account ids for a plain profile.
        zones: the account id of each zone's owner by the zone's name. Each gets a start of authority and NS records
            and is refreshed, so DNS answers for it at once.
        clock: Unix seconds. entropy: gives that many random bytes.

    Raises:
        SandboxStartError: the folder cannot be used, or a sandbox runs on it.
        ValueError: the name of a zone is not one, or not in lower case.
    """
    for name in zones:
        if name != name.lower() or parse_absolute(name) != tuple(name.encode("ascii").split(b".")):
            raise ValueError(f"{name} is not the name of a zone in lower case without a final full stop")
    with only_sandbox_of(folder), closing(open_database(folder)) as connection, transaction(connection):
        for account in accounts:
            profile = AccountProfile(account) if isinstance(account, str) else account
            add_profile(connection, profile)
            _give_services(connection, profile.account, now=clock(), entropy=entropy)
        for name, account in zones.items():
            if zone_exists(connection, name):
                continue
            zone = _new_zone(name, account, clock())
            add_zone(connection, zone)
            for server in NAME_SERVERS:
                add_record(connection, name, ZoneRecord(draw_record_id(connection, entropy), "NS", "", server, 0))
            refresh_zone(connection, zone, soa=zone.soa, now=clock())


def _new_zone(name: str, account: str, now: float) -> Zone:
    soa = Soa(
        server=NAME_SERVERS[0],
        email="hostmaster.sandbox.example.",
        serial=int(datetime.fromtimestamp(now, UTC).strftime("%Y%m%d")) * 100,
        refresh=86_400,
        expire=3_600_000,
        nx_domain_ttl=60,
        ttl=3_600,
    )
    return Zone(name, account, int(now), soa, created=int(now))


def _give_services(
    connection: sqlite3.Connection, account: str, *, now: float, entropy: Callable[[int], bytes]
) -> None:
    if not list_projects(connection, account):
        add_project(connection, Project(entropy(16).hex(), account, PROJECT_DESCRIPTION, int(now)))
    if not list_vps(connection, account):
        add_vps(connection, Vps(f"vps-{entropy(4).hex()}.vps.sandbox.example", account, next(iter(IMAGES))))
