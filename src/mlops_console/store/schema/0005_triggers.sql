-- What is known of each trigger of mlops.toml beyond what that says. `switched_on` NULL: as it is configured. `stopped`: it
-- has switched itself off. `basis` is what `seen` and `next_at` were reckoned from; where mlops.toml says another thing
-- now, or basis is NULL, they are reckoned anew. `seen` is the newest success, the newest report or the state of the files
-- that it has answered to. `fresh_from` is the job after which its failures count.
CREATE TABLE triggers (
    name TEXT PRIMARY KEY,
    switched_on INTEGER,
    stopped INTEGER NOT NULL DEFAULT 0,
    basis TEXT,
    seen TEXT,
    next_at REAL,
    last_fired_at REAL,
    last_job INTEGER,
    last_note TEXT NOT NULL DEFAULT '',
    firings INTEGER NOT NULL DEFAULT 0,
    fresh_from INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- The runs of pipelines that have succeeded, in the order in which they did: no clock is asked.
CREATE TABLE successes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL,
    pipeline TEXT NOT NULL
) STRICT;
CREATE INDEX successes_pipeline ON successes (pipeline, seq);
CREATE TRIGGER runs_succeeded AFTER UPDATE OF status ON runs
WHEN NEW.status = 'succeeded' AND OLD.status <> 'succeeded' AND NEW.pipeline IS NOT NULL
BEGIN
    INSERT INTO successes (run_id, pipeline) VALUES (NEW.id, NEW.pipeline);
END;
