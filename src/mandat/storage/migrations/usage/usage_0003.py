"""What was done with each key, minute by minute."""

import sqlalchemy as sa
from alembic import op

revision = "usage_0003"
down_revision = "usage_0002"


def upgrade() -> None:
    op.create_table(
        "call_tallies",
        sa.Column("credential_id", sa.Integer, primary_key=True),
        sa.Column("minute", sa.Integer, primary_key=True),
        sa.Column("rule", sa.String, primary_key=True),
        sa.Column("outcome", sa.String, primary_key=True),
        sa.Column("address", sa.String, primary_key=True),
        sa.Column("calls", sa.Integer, nullable=False),
    )
    op.create_index("ix_call_tallies_minute", "call_tallies", ["minute"])
