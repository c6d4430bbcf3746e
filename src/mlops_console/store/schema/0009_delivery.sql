-- Delivery: all states of a revision and how it came through them, rollouts in steps, approvals, freezes, tokens, any
-- number of server processes for each environment, measured figures, compiled models.
CREATE TABLE revisions_new (
    environment TEXT NOT NULL REFERENCES environments (name),
    revision INTEGER NOT NULL,
    model_version_key INTEGER NOT NULL REFERENCES model_versions (key),
    kind TEXT NOT NULL CHECK (kind IN ('deploy', 'rollback')),
    state TEXT NOT NULL CHECK (state IN
        ('planned', 'waiting', 'loading', 'testing', 'canary', 'live', 'retired', 'failed', 'aborted')),
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at REAL NOT NULL,
    live_at REAL,
    ended_at REAL,
    restores INTEGER,
    error TEXT,
    job_id INTEGER UNIQUE REFERENCES jobs (id),
    rollout TEXT NOT NULL DEFAULT '{}', -- how it goes live, as it was settled when it was asked for
    step INTEGER, -- of the rollout, from 0
    step_at REAL,
    approvals INTEGER NOT NULL DEFAULT 0, -- how many it needs
    expires_at REAL, -- until when they count
    break_glass TEXT, -- why it passed by its gates
    PRIMARY KEY (environment, revision)
) STRICT, WITHOUT ROWID;
INSERT INTO revisions_new (environment, revision, model_version_key, kind, state, actor, reason, created_at, live_at,
    ended_at, restores, error, job_id)
SELECT environment, revision, model_version_key, kind, state, actor, reason, created_at, live_at, ended_at, restores,
    error, job_id FROM revisions;
DROP TABLE revisions;
ALTER TABLE revisions_new RENAME TO revisions;
CREATE UNIQUE INDEX revisions_live ON revisions (environment) WHERE state = 'live';

CREATE TABLE revision_changes (
    environment TEXT NOT NULL,
    revision INTEGER NOT NULL,
    position INTEGER NOT NULL,
    state TEXT NOT NULL,
    at REAL NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (environment, revision, position),
    FOREIGN KEY (environment, revision) REFERENCES revisions (environment, revision)
) STRICT, WITHOUT ROWID;

INSERT INTO revision_changes SELECT environment, revision, 0, 'loading', created_at, actor, reason FROM revisions;
INSERT INTO revision_changes SELECT environment, revision, 1, 'live', live_at, actor, '' FROM revisions
WHERE live_at IS NOT NULL;
INSERT INTO revision_changes SELECT environment, revision, 2, state, ended_at, actor, coalesce(error, '') FROM revisions
WHERE ended_at IS NOT NULL;

CREATE TABLE approvals (
    environment TEXT NOT NULL,
    revision INTEGER NOT NULL,
    actor TEXT NOT NULL,
    at REAL NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (environment, revision, actor),
    FOREIGN KEY (environment, revision) REFERENCES revisions (environment, revision)
) STRICT, WITHOUT ROWID;

-- `epoch` counts the changes that server processes follow; each of them writes the one that it has followed.
ALTER TABLE environments ADD COLUMN target TEXT NOT NULL DEFAULT ''; -- its commands as JSON; '' is our own servers
ALTER TABLE environments ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
ALTER TABLE environments ADD COLUMN candidate INTEGER;
ALTER TABLE environments ADD COLUMN share REAL NOT NULL DEFAULT 0;
ALTER TABLE environments ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE environments ADD COLUMN frozen_at REAL;
ALTER TABLE environments ADD COLUMN frozen_by TEXT;
ALTER TABLE environments ADD COLUMN frozen_reason TEXT;

CREATE TABLE server_processes (
    environment TEXT NOT NULL REFERENCES environments (name),
    slot INTEGER NOT NULL,
    pid INTEGER NOT NULL,
    process_started REAL NOT NULL,
    boot_id TEXT NOT NULL,
    process_host TEXT NOT NULL,
    health TEXT NOT NULL CHECK (health IN ('starting', 'ready', 'failed')),
    heartbeat_at REAL NOT NULL,
    epoch INTEGER NOT NULL DEFAULT -1,
    serving INTEGER, -- revision
    prepared INTEGER, -- revision that is loaded and tested beside it
    warm TEXT NOT NULL DEFAULT '[]', -- versions in memory
    stats TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (environment, slot)
) STRICT, WITHOUT ROWID;
INSERT INTO server_processes (environment, slot, pid, process_started, boot_id, process_host, health, heartbeat_at)
SELECT name, 0, pid, process_started, boot_id, process_host, 'starting', coalesce(heartbeat_at, 0) FROM environments
WHERE pid IS NOT NULL AND process_started IS NOT NULL AND boot_id IS NOT NULL AND process_host IS NOT NULL;
UPDATE environments SET candidate = (SELECT v.revision FROM revisions v WHERE v.environment = name
    AND v.revision = desired AND v.state = 'loading');
ALTER TABLE environments DROP COLUMN desired;
ALTER TABLE environments DROP COLUMN observed;
ALTER TABLE environments DROP COLUMN health;
ALTER TABLE environments DROP COLUMN pid;
ALTER TABLE environments DROP COLUMN process_started;
ALTER TABLE environments DROP COLUMN boot_id;
ALTER TABLE environments DROP COLUMN process_host;
ALTER TABLE environments DROP COLUMN heartbeat_at;

CREATE TABLE tokens (
    environment TEXT NOT NULL,
    name TEXT NOT NULL,
    hash TEXT NOT NULL,
    actor TEXT NOT NULL,
    created_at REAL NOT NULL,
    revoked_at REAL,
    PRIMARY KEY (environment, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE measurements (
    model_version_key INTEGER NOT NULL REFERENCES model_versions (key),
    kind TEXT NOT NULL, -- 'slices', 'fairness', 'latency', 'replay', …
    context TEXT NOT NULL, -- what it was measured on: a dataset version, the revision beside it, …
    at REAL NOT NULL,
    result TEXT NOT NULL,
    PRIMARY KEY (model_version_key, kind, context)
) STRICT, WITHOUT ROWID;

CREATE TABLE compiled_models (
    model_version_key INTEGER PRIMARY KEY REFERENCES model_versions (key),
    state TEXT NOT NULL CHECK (state IN ('agrees', 'differs', 'unsupported')),
    created_at REAL NOT NULL,
    sha256 TEXT, -- of the ONNX file in the object store
    size INTEGER,
    rows INTEGER NOT NULL DEFAULT 0, -- compared
    worst_difference REAL,
    worst TEXT, -- the row of it, with both answers, as JSON
    reason TEXT NOT NULL DEFAULT ''
) STRICT;
