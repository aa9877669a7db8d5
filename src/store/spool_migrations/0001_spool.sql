-- What an agent found and its hub has not acknowledged.
CREATE TABLE findings (
    -- Never used again, so that a number names one finding for good.
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    found_at BIGINT NOT NULL,
    document TEXT   NOT NULL
);
-- The last slot of each probe, acknowledged or not, from which missed slots are counted.
CREATE TABLE last_slots (
    probe    TEXT   NOT NULL,
    location TEXT   NOT NULL,
    slot_at  BIGINT NOT NULL,
    PRIMARY KEY (probe, location)
);
-- One row.
CREATE TABLE spool (
    name     TEXT   NOT NULL,
    location TEXT   NOT NULL,
    dropped  BIGINT NOT NULL
);
