-- The points of a series, up to some thousand in a row, with the figures that a chart from afar needs.
-- `data` holds the steps (where `stride` is NULL), the values and the times as little-endian 64-bit arrays.
CREATE TABLE chunks (
    key INTEGER PRIMARY KEY,
    series_key INTEGER NOT NULL REFERENCES series (key) ON DELETE CASCADE,
    first_step INTEGER NOT NULL,
    last_step INTEGER NOT NULL,
    stride INTEGER,
    count INTEGER NOT NULL,
    finite INTEGER NOT NULL,
    total REAL,
    first REAL, first_at REAL NOT NULL,
    last REAL, last_at REAL NOT NULL,
    min REAL, min_step INTEGER, min_at REAL,
    max REAL, max_step INTEGER, max_at REAL,
    data BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX chunks_series ON chunks (series_key, first_step);

-- What runs are filtered and sorted by, in the order in which it is read.
CREATE INDEX series_mean ON series (name, (total / nullif(finite, 0)), run_key);
DROP INDEX params_name;
CREATE INDEX params_name ON params (name, coalesce(number, value), run_key);
CREATE INDEX runs_name ON runs (name) WHERE deleted_at IS NULL;
CREATE INDEX runs_experiment ON runs (experiment_key, coalesce(started_at, created_at)) WHERE deleted_at IS NULL;
CREATE INDEX runs_status ON runs (status);
CREATE INDEX runs_trash ON runs (deleted_at) WHERE deleted_at IS NOT NULL;

-- Named ways to look at the runs: filter, order, columns and grouping as JSON.
CREATE TABLE views (
    name TEXT PRIMARY KEY,
    definition TEXT NOT NULL
) STRICT, WITHOUT ROWID;
