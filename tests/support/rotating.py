"""Rotations of keys as the command does them, which a test may cut off at any step."""

from dataclasses import replace

from mandat.authority.values import AuditEvent
from mandat.storage.database import open_storage
from mandat.storage.keys.places import KeyFolder
from mandat.storage.keys.rotation import Rotation
from support.storage import entry


class CutOff(Exception):
    """Stands for a kill at a step."""


class Rotating:
    """Rotations of one installation, each by a storage of its own, as the command does it."""

    def __init__(self, installation, kind):
        self.installation = installation
        self.kind = kind
        self.steps = []

    async def __call__(self, *, stop_before=None):
        storage = open_live(self.installation)
        self.steps = []

        def at_step(step):
            self.steps.append(step)
            if len(self.steps) - 1 == stop_before:
                raise CutOff

        rotation = Rotation(
            KeyFolder(self.installation.keys_folder, self.installation.entropy),
            self.installation.entropy,
            at_step=at_step,
        )
        audit = replace(entry("", AuditEvent.KEYS_ROTATED), subject=f"keys:{self.kind}")
        try:
            went_on = getattr(rotation, f"prepare_{self.kind}")()
            return await getattr(rotation, f"finish_{self.kind}")(storage.rekeying, audit, went_on=went_on)
        finally:
            storage.close()


def open_live(installation):
    """The authority's side as the server opens it: it follows the key files."""
    return open_storage(
        installation.data,
        installation.keys,
        clock=installation.clock,
        entropy=installation.entropy,
        keys_folder=installation.keys_folder,
    )
