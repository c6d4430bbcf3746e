-- Times are seconds since the epoch (UTC). Params are JSON texts, with their number beside them where they are one.
-- The `key` columns are internal; people and files name a run by `id`.

CREATE TABLE experiments (
    key INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    created_at REAL NOT NULL,
    deleted_at REAL
) STRICT;
CREATE UNIQUE INDEX experiments_name ON experiments (name) WHERE deleted_at IS NULL;

CREATE TABLE runs (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    experiment_key INTEGER NOT NULL REFERENCES experiments (key),
    name TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'stopped', 'lost')),
    created_at REAL NOT NULL,
    started_at REAL,
    ended_at REAL,
    heartbeat_at REAL,
    deleted_at REAL,
    job_id INTEGER REFERENCES jobs (id),
    pipeline TEXT,
    user TEXT NOT NULL DEFAULT '',
    command TEXT NOT NULL DEFAULT '',
    git_commit TEXT,
    git_branch TEXT,
    git_dirty INTEGER,
    python TEXT NOT NULL DEFAULT '',
    packages TEXT NOT NULL DEFAULT '{}',
    pid INTEGER,
    process_started REAL,
    boot_id TEXT,
    host TEXT,
    error TEXT
) STRICT;
CREATE INDEX runs_started ON runs (coalesce(started_at, created_at)) WHERE deleted_at IS NULL;
CREATE INDEX runs_job ON runs (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX runs_open ON runs (status) WHERE status IN ('queued', 'running');

CREATE TABLE params (
    run_key INTEGER NOT NULL REFERENCES runs (key) ON DELETE CASCADE,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    number REAL,
    PRIMARY KEY (run_key, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX params_name ON params (name, number, run_key);

CREATE TABLE tags (
    run_key INTEGER NOT NULL REFERENCES runs (key) ON DELETE CASCADE,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run_key, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX tags_name ON tags (name, value, run_key);

-- One metric of one run, with its summary. NaN is NULL: SQLite has no other word for it.
CREATE TABLE series (
    key INTEGER PRIMARY KEY,
    run_key INTEGER NOT NULL REFERENCES runs (key) ON DELETE CASCADE,
    name TEXT NOT NULL,
    count INTEGER NOT NULL DEFAULT 0,
    finite INTEGER NOT NULL DEFAULT 0,
    total REAL DEFAULT 0, -- of the finite and infinite values; NULL where it has no meaning (inf - inf)
    first REAL, first_step INTEGER,
    last REAL, last_step INTEGER,
    min REAL, min_step INTEGER,
    max REAL, max_step INTEGER,
    UNIQUE (run_key, name)
) STRICT;
CREATE INDEX series_last ON series (name, last, run_key);
CREATE INDEX series_max ON series (name, max, run_key);
CREATE INDEX series_min ON series (name, min, run_key);

CREATE TABLE points (
    series_key INTEGER NOT NULL REFERENCES series (key) ON DELETE CASCADE,
    step INTEGER NOT NULL,
    value REAL,
    at REAL NOT NULL,
    PRIMARY KEY (series_key, step)
) STRICT, WITHOUT ROWID;

-- How far each spool segment has been taken in: written in the same transaction as its points.
CREATE TABLE spools (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE artifacts (
    run_key INTEGER NOT NULL REFERENCES runs (key) ON DELETE CASCADE,
    path TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    created_at REAL NOT NULL,
    PRIMARY KEY (run_key, path)
) STRICT, WITHOUT ROWID;

CREATE TABLE datasets (
    key INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE dataset_versions (
    key INTEGER PRIMARY KEY,
    dataset_key INTEGER NOT NULL REFERENCES datasets (key),
    version INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    rows INTEGER NOT NULL,
    columns INTEGER NOT NULL,
    schema TEXT NOT NULL,
    profile TEXT NOT NULL,
    sample TEXT,
    created_at REAL NOT NULL,
    UNIQUE (dataset_key, version),
    UNIQUE (dataset_key, sha256)
) STRICT;

CREATE TABLE run_inputs (
    run_key INTEGER NOT NULL REFERENCES runs (key) ON DELETE CASCADE,
    role TEXT NOT NULL,
    dataset_version_key INTEGER NOT NULL REFERENCES dataset_versions (key),
    PRIMARY KEY (run_key, role)
) STRICT, WITHOUT ROWID;

CREATE TABLE models (
    key INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at REAL NOT NULL
) STRICT;

CREATE TABLE model_versions (
    key INTEGER PRIMARY KEY,
    model_key INTEGER NOT NULL REFERENCES models (key),
    version INTEGER NOT NULL,
    created_at REAL NOT NULL,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    estimator TEXT NOT NULL,
    signature TEXT NOT NULL,
    input_example TEXT,
    run_key INTEGER REFERENCES runs (key),
    reference_key INTEGER REFERENCES dataset_versions (key),
    description TEXT NOT NULL DEFAULT '',
    packages TEXT NOT NULL DEFAULT '{}',
    UNIQUE (model_key, version)
) STRICT;

CREATE TABLE aliases (
    model_key INTEGER NOT NULL REFERENCES models (key),
    alias TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (model_key, alias),
    FOREIGN KEY (model_key, version) REFERENCES model_versions (model_key, version)
) STRICT, WITHOUT ROWID;

-- What should serve (`desired`) and what the server says of itself.
CREATE TABLE environments (
    name TEXT PRIMARY KEY,
    model TEXT NOT NULL,
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    desired INTEGER,
    observed INTEGER,
    health TEXT NOT NULL DEFAULT 'none',
    error TEXT,
    pid INTEGER,
    process_started REAL,
    boot_id TEXT,
    process_host TEXT,
    heartbeat_at REAL
) STRICT, WITHOUT ROWID;

CREATE TABLE revisions (
    environment TEXT NOT NULL REFERENCES environments (name),
    revision INTEGER NOT NULL,
    model_version_key INTEGER NOT NULL REFERENCES model_versions (key),
    kind TEXT NOT NULL CHECK (kind IN ('deploy', 'rollback')),
    state TEXT NOT NULL CHECK (state IN ('waiting', 'loading', 'live', 'retired', 'failed')),
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at REAL NOT NULL,
    live_at REAL,
    ended_at REAL,
    restores INTEGER,
    error TEXT,
    job_id INTEGER UNIQUE REFERENCES jobs (id),
    PRIMARY KEY (environment, revision)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX revisions_live ON revisions (environment) WHERE state = 'live';

CREATE TABLE gate_results (
    environment TEXT NOT NULL,
    revision INTEGER NOT NULL,
    position INTEGER NOT NULL,
    gate TEXT NOT NULL,
    passed INTEGER NOT NULL,
    figure TEXT NOT NULL,
    PRIMARY KEY (environment, revision, position),
    FOREIGN KEY (environment, revision) REFERENCES revisions (environment, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    request TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'refused', 'stopped', 'lost')),
    actor TEXT NOT NULL,
    created_at REAL NOT NULL,
    started_at REAL,
    ended_at REAL,
    heartbeat_at REAL,
    progress REAL,
    progress_text TEXT NOT NULL DEFAULT '',
    stop_requested_at REAL,
    exit_code INTEGER,
    error TEXT,
    result TEXT NOT NULL DEFAULT '{}',
    pid INTEGER,
    process_started REAL,
    boot_id TEXT,
    host TEXT
) STRICT;
CREATE INDEX jobs_open ON jobs (state) WHERE state IN ('queued', 'running');

CREATE TABLE stage_runs (
    run_key INTEGER NOT NULL REFERENCES runs (key) ON DELETE CASCADE,
    stage TEXT NOT NULL,
    position INTEGER NOT NULL,
    status TEXT NOT NULL,
    command TEXT NOT NULL,
    log TEXT NOT NULL,
    deps TEXT NOT NULL,
    started_at REAL,
    ended_at REAL,
    exit_code INTEGER,
    error TEXT,
    PRIMARY KEY (run_key, stage)
) STRICT, WITHOUT ROWID;

-- The worker that holds the lock, or held it last: one row.
CREATE TABLE workers (
    slot INTEGER PRIMARY KEY CHECK (slot = 1),
    pid INTEGER NOT NULL,
    process_started REAL NOT NULL,
    boot_id TEXT NOT NULL,
    host TEXT NOT NULL,
    version TEXT NOT NULL,
    started_at REAL NOT NULL,
    heartbeat_at REAL NOT NULL,
    stop_requested_at REAL
) STRICT;

CREATE TABLE drift_reports (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    environment TEXT NOT NULL,
    model TEXT NOT NULL,
    version INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    window_start REAL NOT NULL,
    window_end REAL NOT NULL,
    rows INTEGER NOT NULL,
    reference_rows INTEGER NOT NULL,
    level REAL NOT NULL,
    drifted INTEGER NOT NULL,
    created_at REAL NOT NULL
) STRICT;
CREATE INDEX drift_reports_environment ON drift_reports (environment, id DESC);

CREATE TABLE drift_features (
    report_id INTEGER NOT NULL REFERENCES drift_reports (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    feature TEXT NOT NULL,
    kind TEXT NOT NULL,
    test TEXT NOT NULL,
    n INTEGER NOT NULL,
    m INTEGER NOT NULL,
    statistic REAL,
    p_value REAL,
    psi REAL,
    drifted INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    histogram TEXT,
    PRIMARY KEY (report_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE alerts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    severity TEXT NOT NULL,
    message TEXT NOT NULL,
    created_at REAL NOT NULL,
    resolved_at REAL
) STRICT;
CREATE UNIQUE INDEX alerts_open ON alerts (kind, subject) WHERE resolved_at IS NULL;

CREATE TABLE changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    ref TEXT NOT NULL
) STRICT;

CREATE TABLE ledger (
    seq INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;
CREATE TRIGGER ledger_is_append_only_update BEFORE UPDATE ON ledger BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;
CREATE TRIGGER ledger_is_append_only_delete BEFORE DELETE ON ledger BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;
