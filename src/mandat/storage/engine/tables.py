"""The tables of the three files, as migrations have made them. docs/reference/storage.md says what each holds.

Times are Unix seconds; hashes are SHA-256; `mac` and `signature` are explained in `keys.sealing`. There are
no foreign keys: rows that belong together may be in different files, and a deleted application's credentials stay.
"""

from sqlalchemy import Boolean, Column, Index, MetaData, String, Table, UniqueConstraint

from mandat.storage.engine.columns import Bytes, Integer

grants = MetaData()
requests = MetaData()
usage = MetaData()

installation = Table(
    "installation", grants, Column("name", String, primary_key=True), Column("value", Bytes, nullable=False)
)

applications = Table(
    "applications",
    grants,
    Column("id", Integer, primary_key=True),
    Column("key", String, nullable=False, unique=True),
    Column("name", String, nullable=False),
    Column("description", String, nullable=False),
    Column("owner", String, nullable=False, index=True),
    Column("status", String, nullable=False),
    Column("strict", Boolean, nullable=False),
    Column("created", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("signature", Bytes, nullable=False),
    Column("mac", Bytes, nullable=False),
    sqlite_autoincrement=True,
)

application_secrets = Table(
    "application_secrets",
    grants,
    Column("id", Integer, primary_key=True),
    Column("application_id", Integer, nullable=False, index=True),
    Column("key_id", String, nullable=False),
    Column("sealed", Bytes, nullable=False),
    Column("created", Integer, nullable=False),
    Column("ends", Integer),
    sqlite_autoincrement=True,
)

credentials = Table(
    "credentials",
    grants,
    Column("id", Integer, primary_key=True),
    Column("application_id", Integer, nullable=False, index=True),
    Column("account", String, nullable=False, index=True),
    Column("user_id", Integer, nullable=False),
    Column("consumer_key_hash", Bytes, nullable=False, unique=True),
    Column("request_token_hash", Bytes, nullable=False, unique=True),
    Column("state", String, nullable=False),
    Column("suspended", Boolean, nullable=False),
    Column("rules", String, nullable=False),
    Column("allowed_networks", String),
    Column("created", Integer, nullable=False),
    Column("expires", Integer),
    Column("changed", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("signature", Bytes, nullable=False),
    Column("mac", Bytes, nullable=False),
    sqlite_autoincrement=True,
)

grant_changes = Table(
    "grant_changes",
    grants,
    Column("sequence", Integer, primary_key=True),
    Column("consumer_key_hash", Bytes),
    Column("application_key", String),
    Column("at", Integer, nullable=False),
    sqlite_autoincrement=True,
)

audit = Table(
    "audit",
    grants,
    Column("id", Integer, primary_key=True),
    Column("account", String, nullable=False),
    Column("at", Integer, nullable=False),
    Column("event", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("address", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("details", String, nullable=False),
    Column("record", String, nullable=False),
    Column("record_id", Integer, nullable=False),
    Column("record_version", Integer, nullable=False),
    Column("previous_hash", Bytes, nullable=False),
    Column("hash", Bytes, nullable=False),
    Column("salt", Bytes),
    Column("commitment", Bytes),
    Index("ix_audit_account_id", "account", "id"),
    sqlite_autoincrement=True,
)

audit_seals = Table(
    "audit_seals",
    grants,
    Column("id", Integer, primary_key=True),
    Column("at", Integer, nullable=False),
    Column("through_id", Integer, nullable=False),
    Column("digest", Bytes, nullable=False),
    Column("signature", Bytes, nullable=False),
    sqlite_autoincrement=True,
)

accounts = Table(
    "accounts",
    requests,
    Column("account", String, primary_key=True),
    Column("created", Integer, nullable=False),
    Column("closed", Integer),
)

users = Table(
    "users",
    requests,
    Column("id", Integer, primary_key=True),
    Column("login", String, nullable=False),
    Column("login_folded", String, nullable=False, unique=True),
    Column("account", String, nullable=False, index=True),
    Column("role", String, nullable=False),
    Column("password_hash", String, nullable=False),
    Column("created", Integer, nullable=False),
    Column("created_from", String, nullable=False),
    Column("closed", Boolean, nullable=False),
    Column("changed", Integer, nullable=False),
    Column("mac", Bytes, nullable=False),
    sqlite_autoincrement=True,
)

sessions = Table(
    "sessions",
    requests,
    Column("token_hash", Bytes, primary_key=True),
    Column("user_id", Integer, nullable=False, index=True),
    Column("created", Integer, nullable=False, index=True),
    Column("last_seen", Integer, nullable=False, index=True),
    Column("address", String, nullable=False),
    Column("mac", Bytes, nullable=False),
)

permission_requests = Table(
    "permission_requests",
    requests,
    Column("id", Integer, primary_key=True),
    Column("application_id", Integer, nullable=False),
    Column("consumer_key_hash", Bytes, nullable=False, unique=True),
    Column("token_hash", Bytes, nullable=False, unique=True),
    Column("rules", String, nullable=False),
    Column("redirection", String),
    Column("allowed_networks", String),
    Column("address", String, nullable=False),
    Column("created", Integer, nullable=False),
    Column("expires", Integer, nullable=False, index=True),
    Column("mac", Bytes, nullable=False),
    Index("ix_permission_requests_application_id_expires", "application_id", "expires"),
    sqlite_autoincrement=True,
)

request_tallies = Table(
    "request_tallies",
    requests,
    Column("application_id", Integer, nullable=False),
    Column("address", String, nullable=False),
    Column("waiting", Integer, nullable=False),
    UniqueConstraint("application_id", "address"),
)

login_failures = Table(
    "login_failures",
    requests,
    Column("id", Integer, primary_key=True),
    Column("login_hash", Bytes, nullable=False),
    Column("address", String, nullable=False),
    Column("at", Integer, nullable=False, index=True),
    Index("ix_login_failures_login_hash_at", "login_hash", "at"),
    Index("ix_login_failures_address_at", "address", "at"),
)

credential_uses = Table(
    "credential_uses",
    usage,
    Column("credential_id", Integer, primary_key=True),
    Column("calls", Integer, nullable=False),
    Column("last_at", Integer, nullable=False),
    Column("last_address", String, nullable=False),
)

secret_uses = Table(
    "secret_uses",
    usage,
    Column("secret_id", Integer, primary_key=True),
    Column("calls", Integer, nullable=False),
    Column("last_at", Integer, nullable=False),
)

call_tallies = Table(
    "call_tallies",
    usage,
    Column("credential_id", Integer, primary_key=True),
    Column("minute", Integer, primary_key=True),
    Column("rule", String, primary_key=True),
    Column("outcome", String, primary_key=True),
    Column("address", String, primary_key=True),
    Column("calls", Integer, nullable=False),
    Index("ix_call_tallies_minute", "minute"),
)

rule_uses = Table(
    "rule_uses",
    usage,
    Column("credential_id", Integer, primary_key=True),
    Column("rule", String, primary_key=True),
    Column("calls", Integer, nullable=False),
    Column("first_at", Integer, nullable=False),
    Column("last_at", Integer, nullable=False),
)
