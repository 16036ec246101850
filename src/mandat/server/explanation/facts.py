"""What the databases say now about the application and the credential that an exchange named."""

from dataclasses import dataclass

from mandat.authority.interfaces import StorageUnavailable
from mandat.authority.values import Application, Credential
from mandat.enforcement.access_log import LogLine
from mandat.server.configuration.reading import Config
from mandat.server.layout import Layout
from mandat.server.problems import Problem
from mandat.server.wiring import wire_authority


@dataclass(frozen=True, slots=True)
class Facts:
    """None where nothing was named, where it is gone, or where the databases could not be asked.

    `are_complete` is False in that last case.
    """

    application: Application | None = None
    credential: Credential | None = None
    are_complete: bool = True


async def gather_facts(config: Config, layout: Layout, line: LogLine) -> Facts:
    """Looks up what `line` names. Never fails: a fault of storage may be the very thing to be explained."""
    if not line.application and not line.credential:
        return Facts()
    try:
        wired = wire_authority(config, layout)
    except Problem:
        return Facts(are_complete=False)
    try:
        storage = wired.storage
        return Facts(
            await storage.applications.find_application(line.application) if line.application else None,
            await storage.credentials.find_credential(line.credential) if line.credential else None,
        )
    except StorageUnavailable:
        return Facts(are_complete=False)
    finally:
        wired.close()
