-- Who has ended an alert, and how many rows of a window have a category that the reference does not have.
ALTER TABLE alerts ADD COLUMN resolved_by TEXT NOT NULL DEFAULT ''; -- '' where it was right again
ALTER TABLE alerts ADD COLUMN resolved_note TEXT NOT NULL DEFAULT '';
ALTER TABLE drift_features ADD COLUMN new_rows INTEGER; -- NULL where that is not known
