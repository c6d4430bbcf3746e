-- A person may stop one trial of a sweep, which has its process in common with the others.
ALTER TABLE runs ADD COLUMN stop_requested_at REAL;
-- Stages of runs that were lost before stages were ended with them: they would count as running for ever.
UPDATE stage_runs
SET status = 'lost', ended_at = iif(started_at IS NULL, NULL, (SELECT r.ended_at FROM runs r WHERE r.key = run_key))
WHERE status IN ('queued', 'running') AND run_key IN (SELECT key FROM runs WHERE status NOT IN ('queued', 'running'));
