-- Alerts of rules, that can be acknowledged and silenced, and are delivered from an outbox.
ALTER TABLE alerts ADD COLUMN rule TEXT NOT NULL DEFAULT '';
ALTER TABLE alerts ADD COLUMN environment TEXT NOT NULL DEFAULT '';
ALTER TABLE alerts ADD COLUMN detail TEXT NOT NULL DEFAULT '{}';
ALTER TABLE alerts ADD COLUMN acknowledged_at REAL;
ALTER TABLE alerts ADD COLUMN acknowledged_by TEXT NOT NULL DEFAULT '';
ALTER TABLE alerts ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE alerts ADD COLUMN told_at REAL; -- handed to the outbox; NULL while it is silenced
ALTER TABLE alerts ADD COLUMN reminded_at REAL;
UPDATE alerts SET rule = kind, told_at = created_at,
    environment = iif(kind IN ('drift', 'server'), subject, '');
DROP INDEX alerts_open;
CREATE UNIQUE INDEX alerts_open ON alerts (rule, subject) WHERE resolved_at IS NULL;
CREATE INDEX alerts_of_rule ON alerts (rule, subject, resolved_at);

CREATE TABLE silences (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    rule TEXT NOT NULL, -- name of a rule, kind of alert, or '*'
    subject TEXT NOT NULL, -- or '*'
    until REAL NOT NULL,
    actor TEXT NOT NULL,
    note TEXT NOT NULL,
    created_at REAL NOT NULL
) STRICT;

CREATE TABLE alert_states ( -- since when what a rule looks at is as it is
    rule TEXT NOT NULL,
    subject TEXT NOT NULL,
    kind TEXT NOT NULL,
    bad INTEGER NOT NULL,
    since REAL NOT NULL,
    message TEXT NOT NULL, -- of the alert, should it open
    detail TEXT NOT NULL,
    PRIMARY KEY (rule, subject)
) STRICT, WITHOUT ROWID;

CREATE TABLE destinations ( -- of alerts, as the worker found them in mlops.toml
    key TEXT PRIMARY KEY -- made of what of the URL may be shown
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE, -- the same at each attempt
    alert_id INTEGER NOT NULL REFERENCES alerts (id),
    event TEXT NOT NULL CHECK (event IN ('opened', 'resolved', 'reminder')),
    destination TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at REAL NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'given up')),
    attempts INTEGER NOT NULL DEFAULT 0,
    not_before REAL NOT NULL,
    leased_until REAL, -- somebody is sending it
    ended_at REAL,
    error TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX outbox_waiting ON outbox (not_before) WHERE state = 'waiting';
CREATE INDEX outbox_of_alert ON outbox (alert_id);
