"""INSERT ... ON CONFLICT and the greater of two values, written once for SQLite and PostgreSQL."""

from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

__all__ = ["greatest", "insert"]

# SQLite took its ON CONFLICT from PostgreSQL, and SQLAlchemy's compiler for SQLite renders PostgreSQL's form of it as
# well. The interface suite runs on both.


class greatest(GenericFunction[int]):  # noqa: N801 - a function of SQL
    """The greatest of its arguments, none of which may be NULL."""

    inherit_cache = True


@compiles(greatest, "sqlite")
def _scalar_max(element: ColumnElement[int], compiler: Any, **options: Any) -> str:
    return f"max({compiler.process(element.clauses, **options)})"
