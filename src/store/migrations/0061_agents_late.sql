-- How often something came late: a revision of history is done only with what had come by then.
ALTER TABLE agents ADD COLUMN late_count BIGINT NOT NULL DEFAULT 0;
-- What an agent says keeps it from its work, a JSON list.
ALTER TABLE agents ADD COLUMN troubles TEXT NOT NULL DEFAULT '[]';
-- When a spool last delivered something new; long after that it is forgotten.
ALTER TABLE agent_spools ADD COLUMN delivered_at BIGINT NOT NULL DEFAULT 0;
