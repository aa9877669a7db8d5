-- Slots are written in the order of time. An index in that order grows at one end; one by probe was
-- written to all over the place, a page for each check.
DROP INDEX checks_slot;
CREATE UNIQUE INDEX checks_slot ON checks (slot_at, probe, location) WHERE kind = 0;
