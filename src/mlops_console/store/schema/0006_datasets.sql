-- Whether a version held what mlops.toml expected of it when it was checked (JSON), and which inputs of a run it has not
-- logged itself: those that its pipeline knows of.
ALTER TABLE dataset_versions ADD COLUMN verdict TEXT;
ALTER TABLE run_inputs ADD COLUMN logged INTEGER NOT NULL DEFAULT 1;
CREATE INDEX run_inputs_version ON run_inputs (dataset_version_key, run_key);
