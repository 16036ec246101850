"""Puts storage, keys and the authority's flows together for the processes and commands that need them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mandat.authority.catalogue import Catalogue
from mandat.authority.interfaces import RequestLimits
from mandat.authority.permission import RequestPolicy
from mandat.authority.service import Authority, make_authority
from mandat.server.configuration.reading import Config
from mandat.server.key_sources import authority_keys
from mandat.server.layout import Layout
from mandat.server.nature import clock, entropy
from mandat.server.problems import Problem
from mandat.storage.database import Storage, has_databases, migrate, open_storage
from mandat.storage.faults import StorageFault
from mandat.storage.keys.keyrings import AuthorityKeys, create_keys, has_keys
from mandat.storage.passwords import Argon2Passwords
from mandat.web.descriptions import own_documents

if TYPE_CHECKING:
    from mandat.storage.postgres.place import PostgresPlace


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
        keys, storage = _open_folder(layout) if layout.place is None else _open_database(layout, layout.place)
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


def _open_folder(layout: Layout) -> tuple[AuthorityKeys, Storage]:
    keys = _keys(layout, has_rows=has_databases(layout.data))
    migrate(layout.data)
    return keys, open_storage(layout.data, keys, clock=clock, entropy=entropy, keys_folder=_followed(layout))


def _open_database(layout: Layout, place: "PostgresPlace") -> tuple[AuthorityKeys, Storage]:
    from mandat.storage.postgres.database import has_installation, open_postgres  # noqa: PLC0415 - see node_access
    from mandat.storage.postgres.migration import migrate_postgres  # noqa: PLC0415

    migrate_postgres(place)
    keys = _keys(layout, has_rows=has_installation(place))
    storage = open_postgres(
        place, keys, clock=clock, entropy=entropy, tell_node=_teller(layout), keys_folder=_followed(layout)
    )
    return keys, storage


def _teller(layout: Layout) -> Callable[[], None]:
    """Tells the gateways of this node that grants changed. Where there are none, there is nobody to tell."""
    from mandat.storage.postgres.node_epoch import NodeEpoch  # noqa: PLC0415

    try:
        epoch = NodeEpoch(layout.epoch)
    except FileNotFoundError:
        return lambda: None
    epoch.change(entropy)  # what died with an earlier authority, committed and not told
    return lambda: epoch.change(entropy)


def _followed(layout: Layout) -> Path | None:
    """The key files, which may be replaced at any time. Keys from elsewhere are those of the start."""
    return layout.keys if layout.key_sources is None else None


def _keys(layout: Layout, *, has_rows: bool) -> AuthorityKeys:
    """The keys of this installation; new files only where there is nothing yet that old ones would open."""
    if layout.key_sources is None and not has_keys(layout.keys) and not has_rows:
        create_keys(layout.keys, entropy)
    return authority_keys(layout.keys, layout.key_sources)
