"""What was done with each key, minute by minute. Programs of the layout before go on working: they do not look here."""

import sqlalchemy as sa
from alembic import op

revision = "postgres_0002"
down_revision = "postgres_0001"


def upgrade() -> None:
    op.create_table(
        "call_tallies",
        sa.Column("credential_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("minute", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("rule", sa.String, primary_key=True),
        sa.Column("outcome", sa.String, primary_key=True),
        sa.Column("address", sa.String, primary_key=True),
        sa.Column("calls", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_call_tallies_minute", "call_tallies", ["minute"])
    # A database that is being made has no older nodes.
    op.execute(
        "INSERT INTO installation (name, value) "
        "SELECT 'serves_revisions', convert_to('postgres_0001', 'UTF8') WHERE EXISTS (SELECT 1 FROM installation) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    )
