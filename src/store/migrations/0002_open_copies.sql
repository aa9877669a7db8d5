-- Which effects hold the copy open, so that closing one leaves it open for the others.
CREATE TABLE open_copies (
    effect    TEXT   NOT NULL PRIMARY KEY,
    scope     TEXT   NOT NULL,
    opened_at BIGINT NOT NULL
);
