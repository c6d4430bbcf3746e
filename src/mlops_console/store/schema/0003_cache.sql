-- The SHA-256 of files of the project, good for as long as size, mtime and inode are the same.
CREATE TABLE file_hashes (
    path TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    sha256 TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What stages have made out of what. `inputs` and `outs` are JSON; `fingerprint` is the SHA-256 of `inputs`. It lives as
-- long as the newest run that had it; `made_in` is the id of the run that made it.
CREATE TABLE stage_cache (
    key INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL UNIQUE,
    run_key INTEGER NOT NULL REFERENCES runs (key) ON DELETE CASCADE,
    made_in TEXT NOT NULL,
    pipeline TEXT NOT NULL,
    stage TEXT NOT NULL,
    inputs TEXT NOT NULL,
    outs TEXT NOT NULL,
    took REAL NOT NULL,
    used_at REAL NOT NULL
) STRICT;
CREATE INDEX stage_cache_stage ON stage_cache (pipeline, stage, used_at);
CREATE INDEX stage_cache_run ON stage_cache (run_key);

CREATE TABLE stage_cache_files (
    cache_key INTEGER NOT NULL REFERENCES stage_cache (key) ON DELETE CASCADE,
    path TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    executable INTEGER NOT NULL,
    PRIMARY KEY (cache_key, path)
) STRICT, WITHOUT ROWID;
CREATE INDEX stage_cache_files_sha256 ON stage_cache_files (sha256);

-- What the stages of a run have logged on it, so that a cached stage can give it to the next run too.
CREATE TABLE stage_records (
    run_key INTEGER NOT NULL REFERENCES runs (key) ON DELETE CASCADE,
    stage TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (run_key, stage, kind, name)
) STRICT, WITHOUT ROWID;

-- The run whose outs a cached stage has, and why a stage ran.
ALTER TABLE stage_runs ADD COLUMN cached_from TEXT;
ALTER TABLE stage_runs ADD COLUMN why TEXT NOT NULL DEFAULT '';
