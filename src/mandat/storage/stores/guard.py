"""Telling genuine rows from altered ones, the same way for every table.

Each kind of row names the columns its MAC covers. The list is part of the data: a column added later gets into a MAC
only under a new label, so that rows written before stay genuine.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from mandat.authority.interfaces import RecordTampered
from mandat.storage.keys.sealing import RowMac
from mandat.storage.rows import DamagedRow

Record = TypeVar("Record")

Row = Mapping[Any, Any]
"""A row by names of columns, as SQLAlchemy gives it or as it will be written."""

log = logging.getLogger("mandat.storage")


class RowGuard:
    """Makes and checks the MAC of one kind of row.

    Args:
        mac: the authority's MAC.
        label: the kind of row; also what is said when a row fails.
        columns: what the MAC covers, in this order.
    """

    def __init__(self, mac: RowMac, label: str, columns: tuple[str, ...]) -> None:
        self._mac = mac
        self._label = label
        self._columns = columns

    def mac_of(self, values: Row) -> bytes:
        """The MAC for a row with these values."""
        return self._mac.make(self._label, *(values[column] for column in self._columns))

    def is_genuine(self, row: Row) -> bool:
        """True when the MAC fits the row."""
        try:
            return self._mac.check(row["mac"], self._label, *(row[column] for column in self._columns))
        except TypeError:  # SQLite keeps a value of any type in any column
            return False

    def is_current(self, row: Row) -> bool:
        """True when the MAC of a genuine row was made with the key of now."""
        return self._mac.is_current(row["mac"], self._label, *(row[column] for column in self._columns))

    def read(self, row: Row | None, build: Callable[[Row], Record]) -> Record | None:
        """`build(row)`; None for None.

        Raises:
            RecordTampered: the MAC does not fit the row.
        """
        if row is None:
            return None
        if not self.is_genuine(row):
            raise self._tampered(row)
        try:
            return build(row)
        except (DamagedRow, ValueError) as fault:
            raise self._tampered(row) from fault

    def read_all(self, rows: Iterable[Row], build: Callable[[Row], Record]) -> list[Record]:
        """`build` of every genuine row. An altered one is left out and logged: it must not hide the others."""
        records: list[Record] = []
        for row in rows:
            try:
                record = self.read(row, build)
            except RecordTampered as fault:
                log.error("left out of a list: %s", fault)
            else:
                if record is not None:
                    records.append(record)
        return records

    def _tampered(self, row: Row) -> RecordTampered:
        name = row.get("id", "")
        return RecordTampered(f"{self._label} {name}".rstrip() + " does not carry the authority's MAC")
