"""Puts storage, keys and the authority's flows together for the processes and commands that need them."""

from dataclasses import dataclass
from pathlib import Path

from mandat.authority.catalogue import Catalogue
from mandat.authority.interfaces import RequestLimits
from mandat.authority.permission import RequestPolicy
from mandat.authority.service import Authority, make_authority
from mandat.server.config import Config
from mandat.server.layout import Layout
from mandat.server.nature import clock, entropy
from mandat.server.problems import Problem
from mandat.storage.database import Storage, has_databases, migrate, open_storage
from mandat.storage.faults import StorageFault
from mandat.storage.keys import AuthorityKeys, create_keys, has_keys, load_authority_keys
from mandat.storage.passwords import Argon2Passwords
from mandat.web.descriptions import own_documents


@dataclass(frozen=True, slots=True)
class Wired:
    """An authority over open storage. Close it when done."""

    authority: Authority
    catalogue: Catalogue
    storage: Storage
    keys: AuthorityKeys

    def close(self) -> None:
        """Waits for writes under way and closes the databases."""
        self.storage.close()


def wire_authority(config: Config, layout: Layout) -> Wired:
    """Migrates and opens the databases and puts the flows over them. Fresh folders get keys and databases.

    Raises:
        Problem: keys or databases cannot be used; the sentence says which and what to do.
    """
    try:
        keys = _keys(layout.keys, layout.data)
        migrate(layout.data)
        storage = open_storage(layout.data, keys, clock=clock, entropy=entropy, keys_folder=layout.keys)
    except StorageFault as fault:
        raise Problem(fault.sentence) from None
    catalogue = Catalogue(own_documents())
    authority = make_authority(
        storage,
        passwords=Argon2Passwords(entropy),
        catalogue=catalogue,
        clock=clock,
        entropy=entropy,
        request_policy=RequestPolicy(
            life_seconds=config.limits.pending_hours * 3600,
            limits=RequestLimits(
                per_address=config.limits.pending_per_address, per_application=config.limits.pending_per_application
            ),
        ),
    )
    return Wired(authority=authority, catalogue=catalogue, storage=storage, keys=keys)


def _keys(folder: Path, data: Path) -> AuthorityKeys:
    """The keys of this installation; new ones only where there is nothing yet that old ones would open."""
    if not has_keys(folder) and not has_databases(data):
        create_keys(folder, entropy)
    return load_authority_keys(folder)
