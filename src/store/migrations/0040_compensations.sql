-- What probes wrote, or were about to write, and whether it was taken back. A row stands here before
-- the write is sent. It holds no secret, and nothing that a session depends on.
CREATE TABLE compensations (
    id          INTEGER PRIMARY KEY,
    -- What the synthetic record carries, by which it can be found.
    run         TEXT    NOT NULL UNIQUE,
    run_time    TEXT    NOT NULL,
    target      TEXT    NOT NULL,
    probe       TEXT    NOT NULL,
    location    TEXT    NOT NULL,
    step        TEXT    NOT NULL,
    -- Which of the target's accounts wrote, counted from 0.
    account     INTEGER NOT NULL,
    test_office TEXT    NOT NULL,
    -- JSON object: what the write's answer gave and taking back needs.
    captured    TEXT    NOT NULL,
    planned_at  BIGINT  NOT NULL,
    attempts    INTEGER NOT NULL,
    -- What the last attempt failed at.
    fault       TEXT,
    settled_at  BIGINT,
    -- run, janitor, absent or person
    settled_by  TEXT
);
CREATE INDEX compensations_open ON compensations (target, planned_at) WHERE settled_at IS NULL;
CREATE INDEX compensations_time ON compensations (target, planned_at);
