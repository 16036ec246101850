"""Sessions of the authority that neither wait for ever nor take a doubtful commit for a good one.

The server's own `statement_timeout` ends statements, but not the wait of a COMMIT for a synchronous standby, and
nothing at all when the server or the network stands still. And a COMMIT whose wait somebody cancelled is answered as
done, with a warning: the change is on this server and perhaps on no other (PostgreSQL, `SyncRepWaitForLSN`). The first
would leave callers without an answer, the second lose what was acknowledged (threats.md R7): both are failures here.
"""

from collections.abc import Generator
from typing import Any, TypeVar

import psycopg
from psycopg import errors

from mandat.storage.postgres.place import STATEMENT_SECONDS

PATIENCE_SECONDS = STATEMENT_SECONDS + 1.0
"""The server's own limit comes first, with a better reason."""

Value = TypeVar("Value")


class BoundedSession(psycopg.Connection[Any]):
    """A session on which every statement ends, one way or the other, within `patience_seconds`."""

    patience_seconds = PATIENCE_SECONDS

    def __init__(self, pgconn: psycopg.pq.abc.PGconn, row_factory: Any = psycopg.rows.tuple_row) -> None:
        super().__init__(pgconn, row_factory)
        self._warnings: list[str] = []
        self.add_notice_handler(self._note)

    def wait(
        self, gen: Generator[Any, Any, Value], interval: float = 0.1, timeout: float | None = None
    ) -> Value:  # the name and the arguments are psycopg's
        """See psycopg. Hangs up on a server that does not answer.

        Raises:
            OperationalError: it did not answer in time. What became of the statement is unknown.
        """
        try:
            return super().wait(gen, interval, self.patience_seconds if timeout is None else timeout)
        except errors.OperationalError as fault:
            if self.pgconn.transaction_status != psycopg.pq.TransactionStatus.ACTIVE:
                raise
            self.pgconn.finish()
            raise errors.OperationalError(f"no answer within {self.patience_seconds:.0f} s") from fault

    def commit(self) -> None:
        """See psycopg.

        Raises:
            OperationalError: also when the server said that the commit may not have reached the standby.
        """
        self._warnings.clear()
        super().commit()
        if self._warnings:
            warning = self._warnings.pop()
            self.pgconn.finish()
            raise errors.OperationalError(f"the commit is in doubt: {warning}")

    def _note(self, notice: psycopg.errors.Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING":
            self._warnings.append(notice.message_primary or "a warning")
