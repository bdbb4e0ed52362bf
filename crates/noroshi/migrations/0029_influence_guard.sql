-- When the oldest post was taken in that a run read: its files go when that post goes.
ALTER TABLE influence_run ADD COLUMN oldest_at TEXT;

-- What was said of a group can be taken back, and an entry of the register ends: with who and why.
ALTER TABLE influence_review ADD COLUMN ended_by TEXT;
ALTER TABLE influence_review ADD COLUMN ended_at TEXT;
ALTER TABLE influence_review ADD COLUMN ended_why TEXT;
ALTER TABLE influence_declared ADD COLUMN ended_by TEXT;
ALTER TABLE influence_declared ADD COLUMN ended_why TEXT;
