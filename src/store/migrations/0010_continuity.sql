-- Incidents, plans in force and everything that happened to them. Documents are JSON text with a
-- version of their own; the columns beside them are what queries look for.

CREATE TABLE pinned_playbooks (
    -- SHA-256 of the source, in hexadecimal.
    hash      TEXT   NOT NULL PRIMARY KEY,
    playbook  TEXT   NOT NULL,
    version   BIGINT NOT NULL,
    source    TEXT   NOT NULL,
    document  TEXT   NOT NULL,
    pinned_at BIGINT NOT NULL
);

CREATE TABLE incidents (
    id           TEXT   NOT NULL PRIMARY KEY,
    opened_at    BIGINT NOT NULL,
    recovered_at BIGINT,
    closed_at    BIGINT,
    document     TEXT   NOT NULL
);
CREATE INDEX incidents_time ON incidents (opened_at);

CREATE TABLE activations (
    id            TEXT   NOT NULL PRIMARY KEY,
    playbook      TEXT   NOT NULL,
    playbook_hash TEXT   NOT NULL,
    unit          TEXT   NOT NULL,
    ground        TEXT   NOT NULL,
    phase         TEXT   NOT NULL,
    exercise      BIGINT NOT NULL,
    incident      TEXT,
    opened_at     BIGINT NOT NULL,
    stood_down_at BIGINT,
    closed_at     BIGINT,
    -- How many events led to the document: a writer that saw another number is refused.
    events        BIGINT NOT NULL,
    document      TEXT   NOT NULL
);
CREATE INDEX activations_time ON activations (opened_at);
CREATE INDEX activations_incident ON activations (incident);

CREATE TABLE activation_events (
    activation    TEXT   NOT NULL,
    sequence      BIGINT NOT NULL,
    at            BIGINT NOT NULL,
    version       BIGINT NOT NULL,
    document      TEXT   NOT NULL,
    previous_hash TEXT   NOT NULL,
    hash          TEXT   NOT NULL,
    PRIMARY KEY (activation, sequence)
);

-- What the clock brings next; it follows from the document and is kept for queries.
CREATE TABLE activation_timers (
    activation TEXT   NOT NULL,
    due_at     BIGINT NOT NULL,
    timer      TEXT   NOT NULL
);
CREATE INDEX activation_timers_due ON activation_timers (due_at);

CREATE TABLE suspensions (
    activation  TEXT   NOT NULL,
    function    TEXT   NOT NULL,
    risk_owner  TEXT   NOT NULL,
    accepted_by TEXT,
    from_at     BIGINT NOT NULL,
    until_at    BIGINT
);
CREATE INDEX suspensions_activation ON suspensions (activation);

-- Effects on the copy and the journal, asked for until they are answered.
CREATE TABLE effects (
    -- activation/step/occurrence
    key         TEXT   NOT NULL PRIMARY KEY,
    activation  TEXT   NOT NULL,
    document    TEXT   NOT NULL,
    asked_at    BIGINT NOT NULL,
    answered_at BIGINT
);

-- The outbox: one row a recipient and channel.
CREATE TABLE notices (
    id              TEXT   NOT NULL PRIMARY KEY,
    idempotency_key TEXT   NOT NULL UNIQUE,
    incident        TEXT,
    activation      TEXT,
    step            TEXT   NOT NULL,
    person          TEXT,
    role            TEXT   NOT NULL,
    channel         TEXT   NOT NULL,
    address         TEXT   NOT NULL,
    kind            TEXT   NOT NULL,
    severity        TEXT   NOT NULL,
    life_safety     BIGINT NOT NULL,
    subject         TEXT   NOT NULL,
    body            TEXT   NOT NULL,
    link            TEXT,
    message_id      TEXT   NOT NULL,
    -- The first message to this address in the thread; none in that message itself.
    in_reply_to     TEXT,
    -- Channels to go to when this one fails, as JSON: [[channel, address], ...]
    fallback        TEXT   NOT NULL,
    state           TEXT   NOT NULL,
    attempts        BIGINT NOT NULL,
    -- Grows with every claim: whoever holds an older number has lost the row.
    fence           BIGINT NOT NULL,
    lease_until     BIGINT,
    next_attempt_at BIGINT NOT NULL,
    give_up_at      BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    settled_at      BIGINT,
    resent          BIGINT NOT NULL,
    answer          TEXT   NOT NULL
);
CREATE INDEX notices_state ON notices (state, next_attempt_at);
CREATE INDEX notices_activation ON notices (activation, step);
CREATE INDEX notices_incident ON notices (incident);

CREATE TABLE notice_attempts (
    id      INTEGER PRIMARY KEY,
    notice  TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    -- claimed, data-sent, sent, refused, temporary, unreachable, in-doubt, requeued, gave-up
    outcome TEXT   NOT NULL,
    detail  TEXT   NOT NULL
);
CREATE INDEX notice_attempts_notice ON notice_attempts (notice);

CREATE TABLE notice_threads (
    thread     TEXT NOT NULL,
    address    TEXT NOT NULL,
    message_id TEXT NOT NULL,
    PRIMARY KEY (thread, address)
);
