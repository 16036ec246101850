"""Which application secret signed, and when last."""

import sqlalchemy as sa
from alembic import op

revision = "usage_0002"
down_revision = "usage_0001"


def upgrade() -> None:
    op.create_table(
        "secret_uses",
        sa.Column("secret_id", sa.Integer, primary_key=True),
        sa.Column("calls", sa.Integer, nullable=False),
        sa.Column("last_at", sa.Integer, nullable=False),
    )
