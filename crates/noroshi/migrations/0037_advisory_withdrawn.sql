-- An advisory that was withdrawn after it was issued, or dismissed while it waited for a second person.
ALTER TABLE share_advisory ADD COLUMN withdrawn_at TEXT;
ALTER TABLE share_advisory ADD COLUMN withdrawn_by TEXT;
ALTER TABLE share_advisory ADD COLUMN withdrawn_why TEXT;
-- When a recipient was first shown that it was withdrawn.
ALTER TABLE share_advisory_recipient ADD COLUMN told_at TEXT;
DROP INDEX share_advisory_desk;
CREATE INDEX share_advisory_desk ON share_advisory (at, advisory, issued_at, withdrawn_at, needs, due_at, recipients,
  acknowledged, applied, not_applied);
