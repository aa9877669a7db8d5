-- Agents: who was invited, who is enrolled, what each has delivered.
CREATE TABLE agent_invitations (
    -- SHA-256 of the token; the token itself is nowhere.
    token_hash TEXT   NOT NULL PRIMARY KEY,
    location   TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE TABLE agent_certificates (
    serial     TEXT   NOT NULL PRIMARY KEY,
    location   TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX agent_certificates_by_location ON agent_certificates (location);
-- One row a location that was ever enrolled.
CREATE TABLE agents (
    location  TEXT   NOT NULL PRIMARY KEY,
    heard_at  BIGINT,
    -- The agent's clock minus ours, in microseconds.
    offset_us BIGINT,
    -- Checks that the bound of its spool took.
    dropped   BIGINT NOT NULL DEFAULT 0,
    -- The earliest check that came too late to be judged as it came, while history is not revised.
    late_from BIGINT
);
-- Everything up to this number of a spool is in the ledger.
CREATE TABLE agent_spools (
    location TEXT   NOT NULL,
    spool    TEXT   NOT NULL,
    number   BIGINT NOT NULL,
    PRIMARY KEY (location, spool)
);
