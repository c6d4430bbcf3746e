-- What a running stage takes of the machine, so that all jobs together stay within it; and what stages usually take.
ALTER TABLE stage_runs ADD COLUMN cpus REAL NOT NULL DEFAULT 0;
ALTER TABLE stage_runs ADD COLUMN memory INTEGER NOT NULL DEFAULT 0;
CREATE INDEX stage_runs_running ON stage_runs (status) WHERE status = 'running';
CREATE INDEX stage_runs_stage ON stage_runs (stage, ended_at) WHERE status = 'succeeded' AND cached_from IS NULL;
