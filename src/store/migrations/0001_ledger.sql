-- Checks, what detection said of them, and what staff said. Instants are microseconds since the
-- epoch, UTC; documents are JSON text with a version of their own.

CREATE TABLE checks (
    id          INTEGER PRIMARY KEY,
    target      TEXT    NOT NULL,
    probe       TEXT    NOT NULL,
    location    TEXT    NOT NULL,
    -- 0 slot, 1 confirmation
    kind        INTEGER NOT NULL,
    slot_at     BIGINT  NOT NULL,
    -- How many slots in a row this row stands for: missed slots are kept as one run.
    slots       BIGINT  NOT NULL,
    interval_us BIGINT  NOT NULL,
    finished_at BIGINT  NOT NULL,
    latency_ms  BIGINT  NOT NULL,
    -- The position in check::Outcome::ALL.
    outcome     INTEGER NOT NULL
);
-- A slot has one terminal check: an append that is repeated changes nothing.
CREATE UNIQUE INDEX checks_slot ON checks (probe, location, slot_at) WHERE kind = 0;
CREATE INDEX checks_target ON checks (target, slot_at);

-- Step timings and evidence; pruned for passed checks, kept for the others.
CREATE TABLE check_details (
    check_id BIGINT NOT NULL PRIMARY KEY,
    slot_at  BIGINT NOT NULL,
    keep     INTEGER NOT NULL,
    document TEXT   NOT NULL
);
CREATE INDEX check_details_age ON check_details (keep, slot_at);

CREATE TABLE verdicts (
    target      TEXT   NOT NULL,
    cohort      TEXT   NOT NULL,
    verdict     TEXT   NOT NULL,
    since       BIGINT NOT NULL,
    detected_at BIGINT NOT NULL,
    PRIMARY KEY (target, cohort)
);

CREATE TABLE verdict_changes (
    id          INTEGER PRIMARY KEY,
    target      TEXT   NOT NULL,
    cohort      TEXT   NOT NULL,
    was         TEXT   NOT NULL,
    became      TEXT   NOT NULL,
    since       BIGINT NOT NULL,
    detected_at BIGINT NOT NULL
);
CREATE INDEX verdict_changes_time ON verdict_changes (target, detected_at);

CREATE TABLE outages (
    id          TEXT   NOT NULL PRIMARY KEY,
    target      TEXT   NOT NULL,
    began_at    BIGINT NOT NULL,
    detected_at BIGINT NOT NULL,
    ended_at    BIGINT,
    document    TEXT   NOT NULL
);
CREATE INDEX outages_time ON outages (target, began_at);

-- Each state an outage went through, for its timeline.
CREATE TABLE outage_changes (
    id       INTEGER PRIMARY KEY,
    outage   TEXT   NOT NULL,
    at       BIGINT NOT NULL,
    change   TEXT   NOT NULL,
    document TEXT   NOT NULL
);
CREATE INDEX outage_changes_outage ON outage_changes (outage, at);

CREATE TABLE staff_reports (
    id          TEXT   NOT NULL PRIMARY KEY,
    target      TEXT   NOT NULL,
    cohort      TEXT   NOT NULL,
    -- What did not work, one of the closed list of tasks.
    task        TEXT   NOT NULL,
    since_at    BIGINT NOT NULL,
    received_at BIGINT NOT NULL
);
CREATE INDEX staff_reports_time ON staff_reports (target, received_at);
