"""History as commands: export, heads for a witness, erasure. On the databases of a configuration, running or not."""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from mandat.authority.values import AuditEntry, AuditEvent
from mandat.server.configuration.reading import load_config
from mandat.server.key_sources import authority_keys
from mandat.server.layout import Layout, layout_of
from mandat.server.nature import clock
from mandat.server.problems import Problem
from mandat.server.wiring import wire_authority
from mandat.storage.faults import StorageFault
from mandat.storage.operations.audit_export import Scope, export_lines, read_heads, reading_calls, reading_grants
from mandat.storage.operations.call_export import export_calls as tallies
from mandat.storage.operations.erasure import Erased


def export_history(config_file: Path, *, account: str | None, application: str | None) -> Iterator[dict[str, Any]]:
    """The lines of an export: of one account, about one application (by its key), or all.

    Raises:
        Problem: the configuration, the keys or the databases cannot be used.
    """
    layout = layout_of(load_config(config_file), config_file)
    try:
        keys = authority_keys(layout.keys, layout.key_sources)
        generations = (*keys.retired_public_keys, *keys.earlier_public_keys, keys.public_key)
        with _reading(layout) as connection:
            yield from export_lines(connection, Scope(account, application), public_keys=generations, at=int(clock()))
    except StorageFault as fault:
        raise Problem(fault.sentence) from None


def export_calls(config_file: Path, *, account: str | None, application: str | None) -> Iterator[dict[str, Any]]:
    """What was done with keys, minute by minute: lines of an export, for the same scopes as `export_history`.

    Raises:
        Problem: the configuration or the databases cannot be used.
    """
    layout = layout_of(load_config(config_file), config_file)
    scope = Scope(account, application)
    try:
        if layout.place is None:
            with reading_calls(layout.data) as (grants, usage):
                yield from tallies(grants, usage, scope, at=int(clock()))
        else:
            with _reading(layout) as connection:
                yield from tallies(connection, connection, scope, at=int(clock()))
    except StorageFault as fault:
        raise Problem(fault.sentence) from None


def history_heads(config_file: Path) -> dict[str, Any]:
    """What a witness keeps. Raises Problem as `export_history`."""
    try:
        with _reading(layout_of(load_config(config_file), config_file)) as connection:
            return read_heads(connection)
    except StorageFault as fault:
        raise Problem(fault.sentence) from None


def erase_account(config_file: Path, account: str) -> Erased:
    """Erases the personal data of a closed account.

    Raises:
        Problem: as `export_history`; also when the account does not exist or is not closed.
    """
    config = load_config(config_file)
    wired = wire_authority(config, layout_of(config, config_file))
    entry = AuditEntry(
        account=account,
        at=int(clock()),
        event=AuditEvent.PERSONAL_DATA_ERASED,
        actor="operator",
        address="127.0.0.1",
        subject=f"account:{account}",
        details={},
    )
    try:
        erased = asyncio.run(wired.storage.erasure.erase_account(account, audit=entry))
    finally:
        wired.close()
    if erased is None:
        raise Problem(
            f"There is no account {account}, or it is open; close it first with `mandat account close LOGIN`."
        )
    return erased


def _reading(layout: Layout) -> AbstractContextManager[Connection]:
    if layout.place is None:
        return reading_grants(layout.data)
    from mandat.storage.postgres.reading import reading_postgres  # noqa: PLC0415 - the driver, where it is used

    return reading_postgres(layout.place, role="history")
