"""From settings to everything the pages need, and back: opening the folder, the vault, the engine; closing them."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment

from mandat.look.environment import page_environment
from mandat.look.form_token import FormTokens
from mandat.marketplace.installs.announcer import Announcer
from mandat.marketplace.installs.desk import Desk
from mandat.marketplace.installs.engine import DbosEngine, Shared
from mandat.marketplace.installs.health import Visit, visitor
from mandat.marketplace.installs.provider import SdkProvider
from mandat.marketplace.installs.removal import Removals
from mandat.marketplace.installs.runner import Books, StepRunner
from mandat.marketplace.installs.upgrade import Upgrades
from mandat.marketplace.pages.frame.once import OncePerForm
from mandat.marketplace.pages.frame.site import Site
from mandat.marketplace.pages.static_files import own_asset
from mandat.marketplace.people.membership import Membership
from mandat.marketplace.people.passwords import Passwords
from mandat.marketplace.people.throttle import Throttle
from mandat.marketplace.problems import StartRefused
from mandat.marketplace.settings import MarketplaceSettings, is_loopback
from mandat.marketplace.stacks.shelf import Shelf, read_library
from mandat.marketplace.stacks.values import Stack
from mandat.marketplace.stacks.yaml_text import StackRefused
from mandat.marketplace.store.database import Database, database_exists, open_database
from mandat.marketplace.store.editions import Editions
from mandat.marketplace.store.installations import Installations
from mandat.marketplace.store.people import People
from mandat.marketplace.store.permissions import Permissions
from mandat.marketplace.store.postgres import check_key, driver_url, is_key_known, open_postgres
from mandat.marketplace.store.registrations import Registrations
from mandat.marketplace.store.vault import KEY_BYTES, Vault, VaultBroken, create_key_file, read_key_file
from mandat.marketplace.store.workers import Workers

KEY_FILE = "marketplace.key"
"""Whoever has this file and the database has the customers' keys: keep it out of the database's backups."""

EXECUTOR_FILE = "marketplace.worker"
"""The name of this marketplace among those that share a database: the same at every start."""

LONGEST_WAIT_SECONDS = 1.0
"""For news of an installation that another marketplace may be at work on."""

TEMPLATES = Path(__file__).parent / "pages" / "templates"


_OTHER_KEY = "The key file in {folder} is not the one this database was made with; put back the right one."


@dataclass(slots=True)
class Marketplace:
    """A marketplace that is open: its site for the pages, what works on installations, what has to be closed."""

    site: Site
    runner: StepRunner
    engine: DbosEngine
    database: Database

    def close(self) -> None:
        """Stops the engine (installations go on at the next start) and gives the files back."""
        self.site.announcer.close()
        self.engine.stop()
        self.database.close()


def open_marketplace(
    settings: MarketplaceSettings,
    *,
    clock: Callable[[], float],
    entropy: Callable[[int], bytes],
    transport: Any = None,
    visit: Visit | None = None,
) -> Marketplace:
    """Opens everything; nothing runs yet.

    Args:
        transport: an httpx2 transport to reach the provider by, instead of the network.
        visit: looks whether an installed page answers, instead of the network.

    Raises:
        StartRefused: with the sentence to show.
    """
    origin = settings.origin()
    base = settings.base()
    stacks = _read_stacks()  # before anything is opened: what cannot be read must leave nothing to close
    database, vault, registrations = _open_store(settings, base=base, entropy=entropy)
    books = _books(database, vault, stacks)
    provider = SdkProvider(base, _keys_of(registrations), transport=transport)
    announcer = Announcer(longest_seconds=None if settings.database is None else LONGEST_WAIT_SECONDS)
    visit = visit or visitor(provider_on_loopback=is_loopback(urlsplit(base).hostname or ""))
    runner = StepRunner(
        books, provider, announcer=announcer, clock=clock, repeats_safely=settings.may_repeat(), visit=visit
    )
    shared = _shared(settings, database, entropy)
    engine = DbosEngine(settings.folder, books.installations, runner, clock=clock, shared=shared)
    desk = Desk(books, provider, engine, announcer=announcer, public_url=origin, clock=clock, entropy=entropy)
    site = Site(
        settings=settings,
        origin=origin,
        setup_code=_setup_code(settings, entropy),
        membership=Membership(People(database), Passwords(), clock=clock, entropy=entropy),
        registrations=registrations,
        provider=provider,
        books=books,
        desk=desk,
        removals=Removals(books, desk, runner, clock=clock),
        upgrades=Upgrades(books, desk, runner, clock=clock),
        announcer=announcer,
        tokens=FormTokens(vault.derive("form tokens")),
        templates=_templates(),
        clock=clock,
        entropy=entropy,
        is_ready=lambda: engine.launched,
        setup_tries=Throttle(10, 900.0, clock=clock),
        orders=OncePerForm(clock),
        order_tries=Throttle(40, 900.0, clock=clock),
    )
    return Marketplace(site, runner, engine, database)


def _books(database: Database, vault: Vault, stacks: list[Stack]) -> Books:
    installations = Installations(database)
    return Books(
        installations=installations,
        editions=Editions(database),
        permissions=Permissions(database, vault),
        shelf=Shelf(stacks, source_of=installations.source_of),
    )


def _shared(settings: MarketplaceSettings, database: Database, entropy: Callable[[int], bytes]) -> Shared | None:
    """What the engine needs when several marketplaces share a database; None when this one is alone."""
    if settings.database is None:
        return None
    return Shared(driver_url(settings.database), _executor(settings.folder, entropy), Workers(database))


@cache
def _templates() -> Environment:
    """Compiled once for each process, however many marketplaces it has."""
    templates = page_environment(TEMPLATES)
    templates.globals["own_asset"] = own_asset
    return templates


def _open_store(
    settings: MarketplaceSettings, *, base: str, entropy: Callable[[int], bytes]
) -> tuple[Database, Vault, Registrations]:
    folder, shared = settings.folder, settings.database is not None
    _make_folder(folder)
    existed = not shared and database_exists(folder)
    database = open_database(folder) if settings.database is None else open_postgres(settings.database, folder)
    try:
        vault = Vault(
            _key(folder, existed=existed or (shared and is_key_known(database)), entropy=entropy), entropy=entropy
        )
        registrations = Registrations(database, vault, endpoint=base)
        if shared and not check_key(database, vault.derive("key check").hex()):
            raise StartRefused(_OTHER_KEY.format(folder=folder))
        _check_key_file(registrations, folder)
    except BaseException:
        database.close()
        raise
    return database, vault, registrations


def _executor(folder: Path, entropy: Callable[[int], bytes]) -> str:
    """This marketplace's name for the others; made at the first start."""
    path = folder / EXECUTOR_FILE
    try:
        if not path.exists():
            path.write_text(f"marketplace-{entropy(8).hex()}\n")
        return path.read_text().strip()
    except OSError as fault:
        raise StartRefused(f"The file {path} cannot be used ({fault.strerror}).") from None


def _read_stacks() -> list[Stack]:
    try:
        return read_library()
    except StackRefused as fault:
        raise StartRefused(f"A stack document is not acceptable: {fault}.") from None


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as fault:
        raise StartRefused(f"The folder {folder} cannot be made ({fault.strerror}); choose another one.") from None


def _key(folder: Path, *, existed: bool, entropy: Callable[[int], bytes]) -> bytes:
    path = folder / KEY_FILE
    try:
        key = read_key_file(path)
        if key is None and existed:
            raise StartRefused(
                f"The key file {path} is missing, and the database holds what only it opens: put it back, or start with"
                " an empty folder."
            )
        if key is None:
            key = create_key_file(path, entropy)
    except OSError as fault:
        raise StartRefused(f"The key file {path} cannot be used ({fault.strerror}).") from None
    if len(key) != KEY_BYTES:
        raise StartRefused(f"The key file {path} is damaged: it must have {KEY_BYTES} bytes. Put back the right one.")
    return key


def _check_key_file(registrations: Registrations, folder: Path) -> None:
    try:
        registrations.find()
    except VaultBroken:
        raise StartRefused(_OTHER_KEY.format(folder=folder)) from None


def _keys_of(registrations: Registrations) -> Callable[[], tuple[str, str] | None]:
    def find() -> tuple[str, str] | None:
        found = registrations.find()
        return (found.application_key, found.application_secret) if found else None

    return find


def _setup_code(settings: MarketplaceSettings, entropy: Callable[[int], bytes]) -> str | None:
    """The configured one; a new one where it is wished, or where others than this machine could come first."""
    if settings.setup_code is not None or (settings.on_loopback and not settings.new_setup_code):
        return settings.setup_code
    return base64.b32encode(entropy(10)).decode("ascii").lower()
