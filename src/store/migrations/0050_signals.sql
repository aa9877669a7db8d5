-- Numbers that probes read, newest last: a row where the number changed, or a minute went by.
CREATE TABLE signals (
    target  TEXT   NOT NULL,
    signal  TEXT   NOT NULL,
    read_at BIGINT NOT NULL,
    value   DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (target, signal, read_at)
);
