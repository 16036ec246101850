"""What the gateways reported: calls of each credential, and of each of its rules."""

import sqlalchemy as sa
from alembic import op

revision = "usage_0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "credential_uses",
        sa.Column("credential_id", sa.Integer, primary_key=True),
        sa.Column("calls", sa.Integer, nullable=False),
        sa.Column("last_at", sa.Integer, nullable=False),
        sa.Column("last_address", sa.String, nullable=False),
    )
    op.create_table(
        "rule_uses",
        sa.Column("credential_id", sa.Integer, primary_key=True),
        sa.Column("rule", sa.String, primary_key=True),
        sa.Column("calls", sa.Integer, nullable=False),
        sa.Column("first_at", sa.Integer, nullable=False),
        sa.Column("last_at", sa.Integer, nullable=False),
    )
