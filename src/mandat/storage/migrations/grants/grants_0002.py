"""Secrets that end, and history whose personal part can be erased while its chain stays whole."""

import sqlalchemy as sa
from alembic import op

revision = "grants_0002"
down_revision = "grants_0001"

_KEPT = (
    "id",
    "account",
    "at",
    "event",
    "subject",
    "commitment",
    "record",
    "record_id",
    "record_version",
    "previous_hash",
    "hash",
)


def upgrade() -> None:
    op.add_column("application_secrets", sa.Column("ends", sa.Integer))
    # Rows written before have neither: their hash is over the personal part itself.
    op.add_column("audit", sa.Column("salt", sa.LargeBinary))
    op.add_column("audit", sa.Column("commitment", sa.LargeBinary))
    # The one change that history allows: its personal part becomes empty, for good.
    kept = " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in _KEPT)
    op.execute("DROP TRIGGER audit_no_update")
    op.execute(
        "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit "
        "WHEN OLD.commitment IS NULL OR NEW.salt IS NOT NULL OR NEW.actor <> '' OR NEW.address <> '' "
        f"OR NEW.details <> '{{}}' OR {kept} "
        "BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END"
    )
