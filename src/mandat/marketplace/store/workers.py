"""Which marketplaces are at work on a shared database. Times are the database server's: clocks of nodes may differ."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Column, Float, MetaData, String, Table, func, select

from mandat.marketplace.store.database import Database, insert_unless_there

workers = Table(
    "workers",
    MetaData(),
    Column("executor", String(64), primary_key=True),
    Column("beat", Float, nullable=False),
)

_now = func.extract("epoch", func.clock_timestamp())


class Workers:
    """Signs of life in a PostgreSQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def beat(self, executor: str) -> None:
        """This one lives."""
        with self._database.writing() as connection:
            row = insert_unless_there(connection, workers).values(executor=executor, beat=_now)
            connection.execute(row.on_conflict_do_update(index_elements=["executor"], set_={"beat": _now}))

    @contextmanager
    def taking_over(self, *, silent_seconds: float) -> Iterator[list[str]]:
        """Those that gave no sign of life for so long; for the length of the block nobody else takes over from them."""
        with self._database.writing() as connection:
            yield list(
                connection.execute(select(workers.c.executor).where(workers.c.beat < _now - silent_seconds)).scalars()
            )
