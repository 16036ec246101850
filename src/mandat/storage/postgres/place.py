"""Where the PostgreSQL database is, how sessions on it are set up, and its errors in our words. Needs psycopg only."""

import select
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from mandat.storage.faults import StorageFault

SCHEMES = ("postgresql://", "postgres://")

CONNECT_SECONDS = 3
"""For each host of the URL. A caller hears 503 after it."""

STATEMENT_SECONDS = 5
"""The longest any statement may take (threats.md R13), waiting for the write lock included."""


_HOSTS = ("host", "hostaddr", "port")

PASSWORD = "MANDAT_STORAGE_PASSWORD"  # noqa: S105 - the name of a variable
"""Where the password of `storage` is, in the environment."""

CHANGES_CHANNEL = "mandat_grants"
"""Tells gateways that a change was committed. Only to hurry them: they look by themselves as well."""


class PlaceFault(StorageFault):
    """The URL of the database is not one that can be used."""


class DatabaseRefused(StorageFault):
    """The database cannot be reached, or does not let us work."""


@dataclass(frozen=True, slots=True)
class PostgresPlace:
    """A PostgreSQL database. Its text form has no password in it; `parameters` may.

    `setting` is where the operator named it, and `password_from` whence its password came: for advice.
    """

    parameters: Mapping[str, str] = field(repr=False)
    setting: str = "storage"
    password_from: str = PASSWORD

    def __str__(self) -> str:
        host, port = self.parameters.get("host", ""), self.parameters.get("port", "")
        name = self.parameters.get("dbname", "")
        return f"postgresql://{host}{':' + port if port else ''}/{name}"

    def conninfo(self, *, role: str, settings: Mapping[str, str]) -> str:
        """What psycopg connects with. Holds the password, so it goes nowhere else.

        Args:
            role: which part of Mandat this is, for the database's own lists of sessions.
            settings: of the session, such as statement_timeout.
        """
        options = [self.parameters.get("options", "")]
        options += ["-c " + f"{name}={value}".replace(" ", "\\ ") for name, value in settings.items()]
        ours = {
            "application_name": f"mandat {role}",
            "client_encoding": "UTF8",
            "connect_timeout": str(CONNECT_SECONDS),
            # A server that vanished is noticed in seconds, not in the hours that TCP would take.
            "keepalives_idle": "5",
            "keepalives_interval": "2",
            "keepalives_count": "2",
            "tcp_user_timeout": str(STATEMENT_SECONDS * 1000),
        }
        given = {**ours, **self.parameters, "options": " ".join(options).strip()}
        # Not to be overruled: a standby may lag behind, and what was revoked could still be read there.
        return make_conninfo("", **{**given, "target_session_attrs": "primary"})

    def each_host(self) -> "list[PostgresPlace]":
        """The same database on one host of the URL after the other, for whoever cannot wait for one that is silent."""
        listed = {name: self.parameters[name].split(",") for name in _HOSTS if name in self.parameters}
        count = max((len(values) for values in listed.values()), default=1)
        places = []
        for index in range(count):
            # One port may stand for all hosts, as in libpq.
            own = {name: values[index if len(values) > 1 else 0] for name, values in listed.items()}
            places.append(replace(self, parameters={**self.parameters, **own}))
        return places


def is_postgres(storage: str) -> bool:
    """True when the setting `storage` names a PostgreSQL database and not a folder."""
    return storage.startswith(SCHEMES)


def parse_place(
    url: str, *, password: str | None = None, setting: str = "storage", password_from: str = PASSWORD
) -> PostgresPlace:
    """The database that `url` names.

    Args:
        url: postgresql://[USER@]HOST[:PORT]/NAME[?PARAMETER=VALUE...], as libpq takes it, without a password.
        password: from elsewhere; None leaves it to libpq (PGPASSWORD, a password file, a service file).
        setting, password_from: see `PostgresPlace`.

    Raises:
        PlaceFault: it cannot be understood, or has a password in it, which logs and process lists would show.
    """
    try:
        parameters = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.Error:
        # The driver's own words would repeat parts of the URL.
        raise PlaceFault(
            f"`{setting}` begins like a PostgreSQL URL and is not one; write postgresql://USER@HOST:PORT/DATABASE, "
            "with special characters as %XX."
        ) from None
    if "password" in parameters:
        raise PlaceFault(
            f"`{setting}` has a password in it; take it out and set {password_from}, or use a password file "
            "of libpq (~/.pgpass)."
        )
    if password:
        parameters["password"] = password
    return PostgresPlace(parameters, setting, password_from)


def refusal(place: PostgresPlace, fault: psycopg.Error) -> DatabaseRefused:
    """Why a start cannot go on, in one sentence."""
    words = " ".join(str(fault).split()) or type(fault).__name__
    match fault:
        case errors.InsufficientPrivilege():
            advice = "give this database user the right, or make it the owner of the database"
        case errors.InvalidCatalogName():
            advice = f"create it, or correct `{place.setting}`"
        case errors.InvalidPassword() | errors.InvalidAuthorizationSpecification():
            advice = f"set {place.password_from}, or correct the user in `{place.setting}`"
        case _:
            advice = (
                "look whether it runs, whether this machine reaches it, whether user and password are right, and "
                f"whether `{place.setting}` names it"
            )
    return DatabaseRefused(f"The database {place} cannot be used ({words}); {advice}.")


def is_hung_up(connection: Any) -> bool:
    """True when the server has ended an idle connection: there is something to read where nothing was asked."""
    try:
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
        return bool(poll.poll(0))
    except (OSError, psycopg.Error, ValueError):
        return True
