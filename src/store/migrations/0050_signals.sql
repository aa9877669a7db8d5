-- Numbers that probes read: the newest of each signal, and what each was minute by minute.
CREATE TABLE signals (
    target  TEXT   NOT NULL,
    signal  TEXT   NOT NULL,
    read_at BIGINT NOT NULL,
    value   DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (target, signal)
);
-- By time first, for a period is read and an old one forgotten as a whole.
CREATE TABLE signal_minutes (
    -- The minute's first microsecond.
    minute  BIGINT NOT NULL,
    target  TEXT   NOT NULL,
    signal  TEXT   NOT NULL,
    least   DOUBLE PRECISION NOT NULL,
    most    DOUBLE PRECISION NOT NULL,
    last    DOUBLE PRECISION NOT NULL,
    read_at BIGINT NOT NULL,
    PRIMARY KEY (minute, target, signal)
);
