-- What a person decided about what was put aside. The bytes that arrived are never changed: mended text stands beside them.
ALTER TABLE evidence_aside ADD COLUMN state TEXT NOT NULL DEFAULT 'open'; -- open | mended | dismissed | kept | taken
ALTER TABLE evidence_aside ADD COLUMN decided_by TEXT;
ALTER TABLE evidence_aside ADD COLUMN decided_at TEXT;
ALTER TABLE evidence_aside ADD COLUMN decision TEXT;    -- why, in the words of whoever decided
ALTER TABLE evidence_aside ADD COLUMN mended BLOB;      -- the text that was brought in instead
ALTER TABLE evidence_aside ADD COLUMN retried_as TEXT;  -- the object that came of it
CREATE INDEX evidence_aside_state ON evidence_aside (state, aside);
