-- What became of each capture run, and what was proven of the copy. No case data.
CREATE TABLE capture_runs (
    id TEXT PRIMARY KEY,
    begun_at BIGINT NOT NULL,
    ended_at BIGINT,
    -- running, published, quarantined, failed
    outcome TEXT NOT NULL,
    build TEXT,
    generation BIGINT,
    captured_at BIGINT,
    -- Why it was quarantined or failed.
    message TEXT,
    rows_read BIGINT NOT NULL DEFAULT 0,
    changed BIGINT NOT NULL DEFAULT 0,
    removed BIGINT NOT NULL DEFAULT 0,
    standard BIGINT NOT NULL DEFAULT 0,
    restricted BIGINT NOT NULL DEFAULT 0,
    rejected BIGINT NOT NULL DEFAULT 0,
    -- Names of fields, as JSON lists.
    unmapped TEXT NOT NULL DEFAULT '[]',
    vanished TEXT NOT NULL DEFAULT '[]'
);
CREATE INDEX capture_runs_begun ON capture_runs (begun_at);

CREATE TABLE copy_proofs (
    -- scrub, trial
    kind TEXT NOT NULL,
    at BIGINT NOT NULL,
    generation BIGINT,
    -- Null when it was proven.
    fault TEXT,
    PRIMARY KEY (kind, at)
);
