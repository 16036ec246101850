"""Administration from the command line: the authority's own flows on the databases of a configuration, running or not.

A running system sees every change at once: the change goes through the same stores, change log and signatures.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mandat.authority.service import Authority
from mandat.authority.values import User
from mandat.server.configuration.reading import load_config
from mandat.server.layout import layout_of
from mandat.server.wiring import Wired, wire_authority


@dataclass(frozen=True, slots=True)
class Administration:
    """What commands need. `authority` has the flows."""

    authority: Authority
    _wired: Wired

    async def find_user(self, login: str) -> User | None:
        """The user of that login, or None."""
        return await self._wired.storage.users.find_user(login)

    async def list_users(self) -> list[User]:
        """Everybody who can or could log in."""
        return await self._wired.storage.users.list_users()


@asynccontextmanager
async def open_administration(config_file: Path) -> AsyncIterator[Administration]:
    """Opens the databases that `config_file` names, creating them when they do not exist yet.

    Raises:
        Problem: the configuration, the keys or the databases cannot be used.
    """
    config = load_config(config_file)
    wired = wire_authority(config, layout_of(config, config_file))
    try:
        yield Administration(authority=wired.authority, _wired=wired)
    finally:
        wired.close()
