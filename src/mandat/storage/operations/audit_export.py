"""History as lines of JSON: written from the database, checked without it. docs/reference/audit.md has the format.

An export proves by itself that no line was changed, and, for an account or everything, that none is missing between
the first and the last. That the last one is the last takes heads that a witness kept elsewhere (`read_heads`).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, create_engine, event, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from mandat.storage.engine.files import GRANTS, USAGE, DatabaseFile, connect_reader
from mandat.storage.engine.migration import check_migrated
from mandat.storage.engine.tables import applications, audit, audit_seals, credentials
from mandat.storage.faults import DatabaseUnreadable
from mandat.storage.keys.sealing import RowVerifier
from mandat.storage.rows import DamagedRow, details_text, read_details
from mandat.storage.stores.audit import FIRST_HASH, fits_hash, is_erased, seal_digest

FORMAT = 1
_BYTES = ("previous_hash", "hash", "salt", "commitment")
_ENTRY = ("id", "account", "at", "event", "actor", "address", "subject", "record", "record_id", "record_version")


@dataclass(frozen=True, slots=True)
class Scope:
    """Which lines: of one account, about one application (by its key), or all."""

    account: str | None = None
    application_key: str | None = None

    @property
    def text(self) -> str:
        """As the first line of an export says it."""
        if self.account is not None:
            return f"account:{self.account}"
        return "all" if self.application_key is None else f"application:{self.application_key}"


def export_lines(
    connection: Connection, scope: Scope, *, public_keys: Iterable[bytes], at: int
) -> Iterator[dict[str, Any]]:
    """The lines of an export, the first one saying what it is, the last one how many entries there were.

    Args:
        connection: of the database of grants, seeing one state of it: from `reading_grants`, or of PostgreSQL.
        scope: which lines.
        public_keys: the keys that signed the seals, oldest first.
        at: now.
    """
    keys = [key.hex() for key in public_keys]
    yield {"type": "export", "format": FORMAT, "scope": scope.text, "at": at, "public_keys": keys}
    entries = 0
    condition = _condition(connection, scope)
    for row in connection.execute(select(audit).where(condition).order_by(audit.c.id)).mappings():
        entries += 1
        yield _entry(row)
    if scope == Scope():
        for row in connection.execute(select(audit_seals).order_by(audit_seals.c.id)).mappings():
            yield {"type": "seal", **_seal(row)}
    yield {"type": "end", "entries": entries}


def read_heads(connection: Connection) -> dict[str, Any]:
    """What a witness keeps: the last seal, which stands for all history, and the last line of each account."""
    seal = connection.execute(select(audit_seals).order_by(audit_seals.c.id.desc()).limit(1)).mappings().first()
    last = select(func.max(audit.c.id)).group_by(audit.c.account)
    rows = connection.execute(select(audit).where(audit.c.id.in_(last)).order_by(audit.c.account)).mappings()
    accounts = [{"account": row["account"], "id": row["id"], "hash": _hex(row["hash"])} for row in rows]
    return {"seal": None if seal is None else _seal(seal), "accounts": accounts}


@dataclass(slots=True)
class Checked:
    """What a check found. `findings` is empty when the export is whole and unchanged."""

    scope: str = ""
    entries: int = 0
    erased: int = 0
    findings: list[str] = field(default_factory=list)


def check_export(lines: Iterable[str], *, heads: Mapping[str, Any] | None = None) -> Checked:
    """Checks an export without the database it came from.

    Args:
        lines: of the file.
        heads: what `read_heads` gave earlier; each must be in the export unless that is about something else.
    """
    return _Checker(heads).check(lines)


class _Checker:
    def __init__(self, heads: Mapping[str, Any] | None) -> None:
        self._heads = heads
        self._checked = Checked()
        self._chains = True
        self._last: dict[str, bytes] = {}
        self._hashes: dict[int, bytes] = {}
        self._keys: list[RowVerifier] = []
        self._digest, self._through = FIRST_HASH, 0
        self._digests: dict[int, str] = {}
        self._ended = False

    def check(self, lines: Iterable[str]) -> Checked:
        for number, line in enumerate(lines, start=1):
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError):
                self._find(f"line {number} is not one of an export")
        if not self._ended:
            self._find("the export was cut off: its last line is missing")
        if self._digests or self._checked.scope == "all":
            unsealed = [number for number in self._hashes if number > self._through]
            if unsealed:
                self._find(f"entry {min(unsealed)} and what follows is not sealed")
        self._compare_heads()
        return self._checked

    def _take(self, line: dict[str, Any]) -> None:
        match line["type"]:
            case "export":
                if line["format"] != FORMAT:
                    raise ValueError("format")
                self._checked.scope = line["scope"]
                self._chains = not line["scope"].startswith("application:")
                self._keys = [RowVerifier(bytes.fromhex(key)) for key in line["public_keys"]]
            case "entry":
                self._take_entry(line)
            case "seal":
                self._take_seal(line)
            case "end":
                self._ended = True
                if line["entries"] != self._checked.entries:
                    self._find(f"{line['entries']} entries were exported and {self._checked.entries} are here")
            case _:
                raise ValueError("type")

    def _take_entry(self, line: dict[str, Any]) -> None:
        row = {name: line[name] for name in _ENTRY} | {"details": details_text(line["details"])}
        row |= {name: None if line[name] is None else bytes.fromhex(line[name]) for name in _BYTES}
        if not isinstance(row["id"], int):
            raise TypeError("id")
        self._checked.entries += 1
        self._checked.erased += is_erased(row)
        if not fits_hash(row):
            self._find(f"entry {row['id']} does not fit its own hash")
        if self._chains and row["previous_hash"] != self._last.get(row["account"], FIRST_HASH):
            self._find(f"entry {row['id']}: the one before it is missing or altered")
        self._last[row["account"]] = self._hashes[row["id"]] = row["hash"]

    def _take_seal(self, line: dict[str, Any]) -> None:
        digest = b""
        try:
            covered = [self._hashes[number] for number in range(self._through + 1, line["through_id"] + 1)]
            digest = seal_digest(self._digest, at=line["at"], through_id=line["through_id"], hashes=covered)
        except KeyError:
            pass
        signature = bytes.fromhex(line["signature"])
        if digest.hex() != line["digest"] or not any(key.check(signature, digest) for key in self._keys):
            self._find(f"seal {line['id']} does not fit the entries that it seals")
        self._digest, self._through = bytes.fromhex(line["digest"]), line["through_id"]
        self._digests[line["id"]] = line["digest"]

    def _compare_heads(self) -> None:
        if self._heads is None:
            return
        scope = self._checked.scope
        for head in self._heads["accounts"]:
            concerned = scope == "all" or scope == f"account:{head['account']}"
            known = self._hashes.get(head["id"])
            if concerned and (known is None or known.hex() != head["hash"]):
                self._find(f"the witness saw entry {head['id']} of account {head['account'] or '-'} otherwise")
        seal = self._heads["seal"]
        if seal is not None and scope == "all" and self._digests.get(seal["id"]) != seal["digest"]:
            self._find(f"the witness saw seal {seal['id']} otherwise")

    def _find(self, what: str) -> None:
        self._checked.findings.append(what)


@contextmanager
def reading_grants(folder: Path) -> Iterator[Connection]:
    """A connection that sees the history in a data folder as it is now; the authority may go on writing.

    Raises:
        StorageFault: the databases are missing or of another version, or cannot be read.
    """
    with _reading(GRANTS, folder) as connection:
        yield connection


@contextmanager
def reading_calls(folder: Path) -> Iterator[tuple[Connection, Connection]]:
    """As `reading_grants`, with a second connection that sees the calls."""
    with _reading(GRANTS, folder) as grants, _reading(USAGE, folder) as usage:
        yield grants, usage


@contextmanager
def _reading(file: DatabaseFile, folder: Path) -> Iterator[Connection]:
    check_migrated(folder)
    engine = create_engine("sqlite://", creator=lambda: connect_reader(file.within(folder)), poolclass=NullPool)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as fault:
        raise DatabaseUnreadable(file.within(folder), str(fault.__cause__ or fault)) from fault


def _condition(connection: Connection, scope: Scope) -> ColumnElement[bool]:
    if scope.account is not None:
        return audit.c.account == scope.account
    if scope.application_key is None:
        return audit.c.id > 0
    subject = f"application:{scope.application_key}"
    # A deleted application has no row; its lines name its id all the same.
    known = select(audit.c.record_id).where(audit.c.record == "application", audit.c.subject == subject).distinct()
    ids = set(connection.execute(known).scalars())
    ids |= set(
        connection.execute(select(applications.c.id).where(applications.c.key == scope.application_key)).scalars()
    )
    delegations = select(credentials.c.id).where(credentials.c.application_id.in_(ids))
    of_application = (audit.c.record == "application") & audit.c.record_id.in_(ids)
    return of_application | ((audit.c.record == "credential") & audit.c.record_id.in_(delegations))


def _entry(row: Mapping[Any, Any]) -> dict[str, Any]:
    try:
        details: object = read_details(row["details"])
    except (DamagedRow, TypeError):
        details = str(row["details"])  # altered: the check will say so
    line = {"type": "entry", **{name: row[name] for name in _ENTRY}, "details": details}
    return line | {name: _hex(row[name]) for name in _BYTES}


def _seal(row: Mapping[Any, Any]) -> dict[str, Any]:
    numbers = {name: row[name] for name in ("id", "at", "through_id")}
    return numbers | {name: _hex(row[name]) for name in ("digest", "signature")}


def _hex(value: object) -> str | None:
    return value.hex() if isinstance(value, bytes) else None
