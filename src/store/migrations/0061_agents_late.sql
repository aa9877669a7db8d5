-- How often something came late: a revision of history is done only with what had come by then.
ALTER TABLE agents ADD COLUMN late_count BIGINT NOT NULL DEFAULT 0;
-- What an agent says keeps it from its work, a JSON list.
ALTER TABLE agents ADD COLUMN troubles TEXT NOT NULL DEFAULT '[]';
-- When a spool last delivered something new; long after that it is forgotten.
ALTER TABLE agent_spools ADD COLUMN delivered_at BIGINT NOT NULL DEFAULT 0;

-- Every probe that the agent of a location was ever given. What it found by an earlier plan comes
-- after a later one is in force when its line was cut in between.
CREATE TABLE agent_probes (
    location TEXT NOT NULL,
    target   TEXT NOT NULL,
    probe    TEXT NOT NULL,
    PRIMARY KEY (location, target, probe)
);
INSERT INTO agent_probes SELECT DISTINCT location, target, probe FROM checks
WHERE location IN (SELECT location FROM agents);
