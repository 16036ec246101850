"""All tables, as they stood when PostgreSQL came."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import BYTEA

revision = "postgres_0001"
down_revision = None

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


def _number(name: str, *, nullable: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=nullable, **options)


def _text(name: str, *, nullable: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.String, nullable=nullable, **options)


def _bytes(name: str, *, nullable: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, BYTEA, nullable=nullable, **options)


def _truth(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean, nullable=False)


def _id() -> sa.Column[Any]:
    """Counts up; a number is never given twice, and there may be gaps."""
    return sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True)


def _without_gaps(name: str, table: str) -> sa.Column[Any]:
    """Counts up without gaps. Only under the write lock: two at once would fail on the primary key."""
    body = f"BEGIN RETURN (SELECT coalesce(max({name}), 0) + 1 FROM {table}); END"  # noqa: S608 - names of our own
    op.execute(f"CREATE FUNCTION mandat_next_{table}() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$ {body} $$")
    return sa.Column(name, sa.BigInteger, primary_key=True, server_default=sa.text(f"mandat_next_{table}()"))


def upgrade() -> None:
    op.create_table("installation", _text("name", primary_key=True), _bytes("value"))
    _create_applications()
    _create_credentials()
    _create_audit()
    _create_people()
    _create_requests()
    _create_counters()


def _create_applications() -> None:
    op.create_table(
        "applications",
        _id(),
        _text("key", unique=True),
        _text("name"),
        _text("description"),
        _text("owner", index=True),
        _text("status"),
        _truth("strict"),
        _number("created"),
        _number("version"),
        _bytes("signature"),
        _bytes("mac"),
    )
    op.create_table(
        "application_secrets",
        _id(),
        _number("application_id", index=True),
        _text("key_id"),
        _bytes("sealed"),
        _number("created"),
        _number("ends", nullable=True),
    )


def _create_credentials() -> None:
    op.create_table(
        "credentials",
        _id(),
        _number("application_id", index=True),
        _text("account", index=True),
        _number("user_id"),
        _bytes("consumer_key_hash", unique=True),
        _bytes("request_token_hash", unique=True),
        _text("state"),
        _truth("suspended"),
        _text("rules"),
        _text("allowed_networks", nullable=True),
        _number("created"),
        _number("expires", nullable=True),
        _number("changed"),
        _number("version"),
        _bytes("signature"),
        _bytes("mac"),
    )
    op.create_table(
        "grant_changes",
        _without_gaps("sequence", "grant_changes"),
        _bytes("consumer_key_hash", nullable=True),
        _text("application_key", nullable=True),
        _number("at"),
    )


def _create_audit() -> None:
    op.create_table(
        "audit",
        _without_gaps("id", "audit"),
        _text("account"),
        _number("at"),
        _text("event"),
        _text("actor"),
        _text("address"),
        _text("subject"),
        _text("details"),
        _text("record"),
        _number("record_id"),
        _number("record_version"),
        _bytes("previous_hash"),
        _bytes("hash"),
        _bytes("salt", nullable=True),
        _bytes("commitment", nullable=True),
    )
    op.create_index("ix_audit_account_id", "audit", ["account", "id"])
    op.create_table("audit_seals", _id(), _number("at"), _number("through_id"), _bytes("digest"), _bytes("signature"))
    # Against mistakes, not against attackers: those are found by the hashes and the seals.
    op.execute(
        "CREATE FUNCTION mandat_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    # The one change that history allows: its personal part becomes empty, for good.
    kept = " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in _KEPT)
    erased = "OLD.commitment IS NULL OR NEW.salt IS NOT NULL OR NEW.actor <> '' OR NEW.address <> ''"
    _guard("audit", "UPDATE", when=f"WHEN ({erased} OR NEW.details <> '{{}}' OR {kept})")
    _guard("audit_seals", "UPDATE")
    for table in ("audit", "audit_seals"):
        _guard(table, "DELETE")
        _guard(table, "TRUNCATE", each="STATEMENT")


def _guard(table: str, change: str, *, each: str = "ROW", when: str = "") -> None:
    op.execute(
        f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} FOR EACH {each} {when} "
        "EXECUTE FUNCTION mandat_refuse_change()"
    )


def _create_people() -> None:
    op.create_table(
        "accounts", _text("account", primary_key=True), _number("created"), _number("closed", nullable=True)
    )
    op.create_table(
        "users",
        _id(),
        _text("login"),
        _text("login_folded", unique=True),
        _text("account", index=True),
        _text("role"),
        _text("password_hash"),
        _number("created"),
        _text("created_from"),
        _truth("closed"),
        _number("changed"),
        _bytes("mac"),
    )
    op.create_table(
        "sessions",
        _bytes("token_hash", primary_key=True),
        _number("user_id", index=True),
        _number("created", index=True),
        _number("last_seen", index=True),
        _text("address"),
        _bytes("mac"),
    )
    op.create_table("login_failures", _id(), _bytes("login_hash"), _text("address"), _number("at", index=True))
    op.create_index("ix_login_failures_login_hash_at", "login_failures", ["login_hash", "at"])
    op.create_index("ix_login_failures_address_at", "login_failures", ["address", "at"])


def _create_requests() -> None:
    op.create_table(
        "permission_requests",
        _id(),
        _number("application_id"),
        _bytes("consumer_key_hash", unique=True),
        _bytes("token_hash", unique=True),
        _text("rules"),
        _text("redirection", nullable=True),
        _text("allowed_networks", nullable=True),
        _text("address"),
        _number("created"),
        _number("expires", index=True),
        _bytes("mac"),
    )
    op.create_index(
        "ix_permission_requests_application_id_expires", "permission_requests", ["application_id", "expires"]
    )
    op.create_table(
        "request_tallies",
        _number("application_id"),
        _text("address"),
        _number("waiting"),
        sa.UniqueConstraint("application_id", "address"),
    )


def _create_counters() -> None:
    op.create_table(
        "credential_uses",
        _number("credential_id", primary_key=True, autoincrement=False),
        _number("calls"),
        _number("last_at"),
        _text("last_address"),
    )
    op.create_table(
        "secret_uses",
        _number("secret_id", primary_key=True, autoincrement=False),
        _number("calls"),
        _number("last_at"),
    )
    op.create_table(
        "rule_uses",
        _number("credential_id", primary_key=True, autoincrement=False),
        _text("rule", primary_key=True),
        _number("calls"),
        _number("first_at"),
        _number("last_at"),
    )
