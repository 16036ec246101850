"""Accounts and their users, sessions, failed logins, and permission requests that wait."""

import sqlalchemy as sa
from alembic import op

revision = "requests_0001"
down_revision = None


def upgrade() -> None:
    _create_users()
    _create_sessions()
    _create_permission_requests()


def _create_users() -> None:
    op.create_table(
        "accounts",
        sa.Column("account", sa.String, primary_key=True),
        sa.Column("created", sa.Integer, nullable=False),
        sa.Column("closed", sa.Integer),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("login", sa.String, nullable=False),
        sa.Column("login_folded", sa.String, nullable=False, unique=True),
        sa.Column("account", sa.String, nullable=False, index=True),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("password_hash", sa.String, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sa.Column("created_from", sa.String, nullable=False),
        sa.Column("closed", sa.Boolean, nullable=False),
        sa.Column("changed", sa.Integer, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.LargeBinary, primary_key=True),
        sa.Column("user_id", sa.Integer, nullable=False, index=True),
        sa.Column("created", sa.Integer, nullable=False, index=True),
        sa.Column("last_seen", sa.Integer, nullable=False, index=True),
        sa.Column("address", sa.String, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "login_failures",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("login_hash", sa.LargeBinary, nullable=False),
        sa.Column("address", sa.String, nullable=False),
        sa.Column("at", sa.Integer, nullable=False, index=True),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_login_failures_login_hash_at", "login_failures", ["login_hash", "at"])
    op.create_index("ix_login_failures_address_at", "login_failures", ["address", "at"])


def _create_permission_requests() -> None:
    op.create_table(
        "permission_requests",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("application_id", sa.Integer, nullable=False),
        sa.Column("consumer_key_hash", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("token_hash", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("rules", sa.String, nullable=False),
        sa.Column("redirection", sa.String),
        sa.Column("allowed_networks", sa.String),
        sa.Column("address", sa.String, nullable=False),
        sa.Column("created", sa.Integer, nullable=False),
        sa.Column("expires", sa.Integer, nullable=False, index=True),
        sa.Column("mac", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_permission_requests_application_id_expires", "permission_requests", ["application_id", "expires"]
    )
    op.create_table(
        "request_tallies",
        sa.Column("application_id", sa.Integer, nullable=False),
        sa.Column("address", sa.String, nullable=False),
        sa.Column("waiting", sa.Integer, nullable=False),
        sa.UniqueConstraint("application_id", "address"),
    )
