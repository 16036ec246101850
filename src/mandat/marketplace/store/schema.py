"""Tables of the marketplace, and their version. Times are Unix seconds; ids of installations are random text."""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

SCHEMA_VERSION = 3
"""Kept in SQLite's `user_version`. Older databases are changed by UPGRADES."""

MAX_QUERY_ID = 200
"""Characters that are kept of a provider's request id."""

metadata = MetaData()

UPGRADES: dict[int, tuple[str, ...]] = {
    1: (
        "ALTER TABLE installations ADD COLUMN removal_rules TEXT",
        "ALTER TABLE installations ADD COLUMN removal_connection_id INTEGER",
    ),
    2: (
        "ALTER TABLE installations ADD COLUMN edition INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE installations ADD COLUMN upgrade_connection_id INTEGER",
        "CREATE TABLE editions (installation_id VARCHAR(26) NOT NULL REFERENCES installations (id),"
        " number INTEGER NOT NULL, digest VARCHAR(64) NOT NULL REFERENCES documents (digest), inputs TEXT NOT NULL,"
        " rules TEXT NOT NULL, ways TEXT NOT NULL, course TEXT NOT NULL, undoes BOOLEAN NOT NULL,"
        " PRIMARY KEY (installation_id, number))",
    ),
}
"""What makes the next version of a database of each older one."""

registration = Table(
    "registration",
    metadata,
    Column("id", Integer, primary_key=True),  # always 1: a marketplace is one application
    Column("endpoint", Text, nullable=False),
    Column("application_key", String(64), nullable=False),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("validation_origin", Text, nullable=False),
    Column("at", Float, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("login", String(254), nullable=False, unique=True),  # kept in small letters
    Column("password_hash", Text, nullable=False),
    Column("at", Float, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("opened", Float, nullable=False),
    Column("seen", Float, nullable=False),
)

documents = Table(
    "documents",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("source", Text, nullable=False),
)

installations = Table(
    "installations",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("stack_id", String(40), nullable=False),
    Column("digest", ForeignKey("documents.digest"), nullable=False),
    Column("inputs", Text, nullable=False),  # JSON
    Column("rules", Text, nullable=False),  # JSON: what the customer was shown, and the most that is ever sent
    Column("state", String(20), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("connection_id", Integer),
    Column("problem", Text),  # JSON
    Column("ordered", Float, nullable=False),
    Column("changed", Float, nullable=False),
    Column("removal_rules", Text),  # JSON: what was shown when the removal was asked for
    Column("removal_connection_id", Integer),
    Column("edition", Integer, nullable=False, server_default="0"),
    Column("upgrade_connection_id", Integer),
    Index("installations_by_user", "user_id", "ordered"),
)

editions = Table(
    "editions",
    metadata,
    Column("installation_id", ForeignKey("installations.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("digest", ForeignKey("documents.digest"), nullable=False),
    Column("inputs", Text, nullable=False),  # JSON
    Column("rules", Text, nullable=False),  # JSON: what was shown when the upgrade was asked for
    Column("ways", Text, nullable=False),  # JSON
    Column("course", Text, nullable=False),  # JSON
    Column("undoes", Boolean, nullable=False),
    PrimaryKeyConstraint("installation_id", "number"),
)

steps = Table(
    "steps",
    metadata,
    Column("installation_id", ForeignKey("installations.id"), nullable=False),
    Column("step_id", String(100), nullable=False),  # a name of 64 characters, with marks and numbers around it
    Column("position", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("outputs", Text),  # JSON
    Column("query_id", String(MAX_QUERY_ID)),
    Column("started", Float),
    Column("ended", Float),
    PrimaryKeyConstraint("installation_id", "step_id"),
)

asks = Table(
    "asks",
    metadata,
    Column("installation_id", ForeignKey("installations.id"), nullable=False),
    Column("session_hash", LargeBinary(32), nullable=False),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("sealed_session", LargeBinary, nullable=False),  # the SDK's session: holds consumer keys that wait
    Column("at", Float, nullable=False),
    PrimaryKeyConstraint("installation_id", "session_hash"),
)

connections = Table(
    "connections",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("installation_id", ForeignKey("installations.id"), nullable=False),
    Column("account", String(200)),  # the provider's word for the customer; None until GET /me answered
    Column("account_name", String(400)),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("at", Float, nullable=False),
    Column("lost", Float),  # when the key was found not to work any more
)
