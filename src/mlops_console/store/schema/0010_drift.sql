-- Reports say more of each feature and of the window; versions bring a reference profile; servers count live windows.
ALTER TABLE drift_reports ADD COLUMN against TEXT NOT NULL DEFAULT 'reference'
    CHECK (against IN ('reference', 'previous', 'last-week'));
ALTER TABLE drift_reports ADD COLUMN least_effect REAL NOT NULL DEFAULT 0.1;
ALTER TABLE drift_reports ADD COLUMN performance TEXT; -- core.performance.Performance as JSON
ALTER TABLE drift_reports ADD COLUMN slices TEXT NOT NULL DEFAULT '[]'; -- of core.drift.SliceDrift, as JSON
ALTER TABLE drift_reports ADD COLUMN notes TEXT NOT NULL DEFAULT '[]';
ALTER TABLE drift_features ADD COLUMN role TEXT NOT NULL DEFAULT 'input';
ALTER TABLE drift_features ADD COLUMN effect REAL;
ALTER TABLE drift_features ADD COLUMN threshold REAL;
ALTER TABLE drift_features ADD COLUMN smallest_shift REAL;
ALTER TABLE drift_features ADD COLUMN unit TEXT NOT NULL DEFAULT 'share';
ALTER TABLE drift_features ADD COLUMN importance REAL;
ALTER TABLE drift_features ADD COLUMN findings TEXT NOT NULL DEFAULT '[]';

ALTER TABLE model_versions ADD COLUMN profile TEXT; -- object with the reference profile

CREATE TABLE live_slots (
    environment TEXT NOT NULL,
    revision INTEGER NOT NULL,
    start REAL NOT NULL, -- of the slot of time, or of the first row where windows are of rows
    process TEXT NOT NULL, -- who has counted
    end REAL NOT NULL, -- of the last row so far
    rows INTEGER NOT NULL,
    counts BLOB NOT NULL, -- core.profiles.WindowCounts, packed by drift.live.counts
    PRIMARY KEY (environment, revision, start, process)
) STRICT, WITHOUT ROWID;
