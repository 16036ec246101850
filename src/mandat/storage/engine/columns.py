"""Column types that mean the same on SQLite and on PostgreSQL."""

from sqlalchemy import BigInteger
from sqlalchemy import Integer as SmallerInteger
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import UserDefinedType

Integer = BigInteger().with_variant(SmallerInteger(), "sqlite")
"""64 bits, signed. SQLite counts ids up only in columns called INTEGER, which have 64 bits there."""


class Bytes(UserDefinedType[bytes]):
    """Bytes as the driver gives them. SQLAlchemy's own type fails on an altered row that holds something else there."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """SQLite's name of the type."""
        return "BLOB"


@compiles(Bytes, "postgresql")
def _bytea(*_: object, **__: object) -> str:
    return "BYTEA"
