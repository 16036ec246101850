"""Applications, credentials, their change log, and the audit trail."""

import sqlalchemy as sa
from alembic import op

revision = "grants_0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "installation",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
    )
    _create_applications()
    _create_credentials()
    _create_audit()


def _create_applications() -> None:
    op.create_table(
        "applications",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.String, nullable=False, unique=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("description", sa.String, nullable=False),
        sa.Column("owner", sa.String, nullable=False, index=True),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("strict", sa.Boolean, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "application_secrets",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("application_id", sa.Integer, nullable=False, index=True),
        sa.Column("key_id", sa.String, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )


def _create_credentials() -> None:
    op.create_table(
        "credentials",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("application_id", sa.Integer, nullable=False, index=True),
        sa.Column("account", sa.String, nullable=False, index=True),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("consumer_key_hash", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("request_token_hash", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("suspended", sa.Boolean, nullable=False),
        sa.Column("rules", sa.String, nullable=False),
        sa.Column("allowed_networks", sa.String),
        sa.Column("created", sa.Integer, nullable=False),
        sa.Column("expires", sa.Integer),
        sa.Column("changed", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "grant_changes",
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("consumer_key_hash", sa.LargeBinary),
        sa.Column("application_key", sa.String),
        sa.Column("at", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("account", sa.String, nullable=False),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("event", sa.String, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("address", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("details", sa.String, nullable=False),
        sa.Column("record", sa.String, nullable=False),
        sa.Column("record_id", sa.Integer, nullable=False),
        sa.Column("record_version", sa.Integer, nullable=False),
        sa.Column("previous_hash", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_account_id", "audit", ["account", "id"])
    op.create_table(
        "audit_seals",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("through_id", sa.Integer, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    # Against mistakes, not against attackers: those are found by the hashes and the seals.
    for table in ("audit", "audit_seals"):
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
