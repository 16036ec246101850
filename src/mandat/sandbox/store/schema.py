"""The tables of the sandbox's SQLite file, as the steps that lead from each format to the next.

A step that was released never changes; a file of any earlier format is brought up to date when it is opened.
"""

STEPS: tuple[str, ...] = (
    """
CREATE TABLE account (
    account TEXT PRIMARY KEY,
    profile TEXT NOT NULL
) STRICT;
CREATE TABLE zone (
    name TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    last_update INTEGER NOT NULL,
    soa TEXT NOT NULL,
    refreshed TEXT NOT NULL
) STRICT;
CREATE INDEX zone_account ON zone (account);
CREATE TABLE record (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id INTEGER NOT NULL UNIQUE,
    zone TEXT NOT NULL REFERENCES zone (name),
    field_type TEXT NOT NULL,
    sub_domain TEXT NOT NULL,
    target TEXT NOT NULL,
    ttl INTEGER NOT NULL
) STRICT;
CREATE INDEX record_zone ON record (zone, position);
CREATE TABLE idempotency (
    account TEXT NOT NULL,
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    body_digest BLOB NOT NULL,
    answer TEXT NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (account, route, key)
) STRICT;
CREATE INDEX idempotency_created ON idempotency (created);
CREATE TABLE ledger (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    account TEXT NOT NULL,
    application INTEGER NOT NULL,
    credential INTEGER NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    status INTEGER NOT NULL,
    query_id TEXT
) STRICT;
CREATE INDEX ledger_account ON ledger (account, id);
""",
    """
ALTER TABLE ledger ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ledger ADD COLUMN fault TEXT;
ALTER TABLE zone ADD COLUMN dnssec INTEGER NOT NULL DEFAULT 0;
ALTER TABLE zone ADD COLUMN created INTEGER NOT NULL DEFAULT 0;
UPDATE zone SET created = last_update;
CREATE TABLE restore_point (
    zone TEXT NOT NULL REFERENCES zone (name),
    at INTEGER NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (zone, at)
) STRICT;
CREATE TABLE task (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id INTEGER NOT NULL UNIQUE,
    account TEXT NOT NULL,
    product TEXT NOT NULL,
    subject TEXT NOT NULL,
    function TEXT NOT NULL,
    state TEXT NOT NULL,
    created REAL NOT NULL,
    starts REAL NOT NULL,
    ends REAL NOT NULL,
    updated REAL NOT NULL,
    payload TEXT NOT NULL,
    doomed INTEGER NOT NULL,
    comment TEXT
) STRICT;
CREATE INDEX task_subject ON task (product, subject);
CREATE INDEX task_waiting ON task (state) WHERE state IN ('todo', 'doing');
CREATE TABLE project (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    description TEXT NOT NULL,
    created INTEGER NOT NULL
) STRICT;
CREATE INDEX project_account ON project (account);
CREATE TABLE ssh_key (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    project TEXT NOT NULL REFERENCES project (id),
    name TEXT NOT NULL,
    public_key TEXT NOT NULL,
    regions TEXT NOT NULL,
    UNIQUE (project, name)
) STRICT;
CREATE TABLE instance (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    project TEXT NOT NULL REFERENCES project (id),
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    flavor_id TEXT NOT NULL,
    image_id TEXT NOT NULL,
    ssh_key TEXT,
    monthly INTEGER NOT NULL,
    status TEXT NOT NULL,
    created INTEGER NOT NULL,
    address TEXT,
    site TEXT NOT NULL,
    doomed INTEGER NOT NULL
) STRICT;
CREATE INDEX instance_project ON instance (project, position);
CREATE TABLE operation (
    id TEXT PRIMARY KEY,
    project TEXT NOT NULL REFERENCES project (id),
    action TEXT NOT NULL,
    region TEXT NOT NULL,
    created REAL NOT NULL
) STRICT;
CREATE TABLE operation_part (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    operation TEXT NOT NULL REFERENCES operation (id),
    instance TEXT NOT NULL,
    status TEXT NOT NULL,
    started REAL,
    completed REAL
) STRICT;
CREATE INDEX operation_part_operation ON operation_part (operation, position);
CREATE INDEX operation_part_instance ON operation_part (instance);
CREATE TABLE vps (
    name TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    display_name TEXT,
    state TEXT NOT NULL,
    image_id TEXT NOT NULL,
    settings TEXT NOT NULL
) STRICT;
CREATE INDEX vps_account ON vps (account);
CREATE TABLE fault (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    operation TEXT NOT NULL,
    account TEXT,
    action TEXT NOT NULL,
    after_effect INTEGER NOT NULL,
    status INTEGER,
    message TEXT,
    seconds REAL,
    remaining INTEGER,
    hits INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL
) STRICT;
CREATE INDEX fault_operation ON fault (operation, id);
""",
)

VERSION = len(STEPS)
