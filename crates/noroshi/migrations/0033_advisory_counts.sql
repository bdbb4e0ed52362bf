-- How the recipients of an advisory stand is counted when it changes: a list costs what it shows, however many they are.
ALTER TABLE share_advisory ADD COLUMN recipients BIGINT NOT NULL DEFAULT 0;
-- By their last answers.
ALTER TABLE share_advisory ADD COLUMN acknowledged BIGINT NOT NULL DEFAULT 0;
ALTER TABLE share_advisory ADD COLUMN applied BIGINT NOT NULL DEFAULT 0;
ALTER TABLE share_advisory ADD COLUMN not_applied BIGINT NOT NULL DEFAULT 0;
UPDATE share_advisory SET recipients = (SELECT COUNT(*) FROM share_advisory_recipient r
  WHERE r.advisory = share_advisory.advisory);
UPDATE share_advisory SET (acknowledged, applied, not_applied) = (
  SELECT COALESCE(SUM(s.answer = 'acknowledged'), 0), COALESCE(SUM(s.answer = 'applied'), 0),
    COALESCE(SUM(s.answer = 'not-applied'), 0)
  FROM share_advisory_answer s WHERE s.advisory = share_advisory.advisory AND s.number = (SELECT MAX(t.number)
    FROM share_advisory_answer t WHERE t.advisory = s.advisory AND t.org = s.org));
-- The list of the desk is put in order from this alone, without the words of the advisories.
CREATE INDEX share_advisory_desk ON share_advisory (at, advisory, issued_at, needs, due_at, recipients, acknowledged,
  applied, not_applied);

CREATE TRIGGER share_advisory_sent AFTER INSERT ON share_advisory_recipient BEGIN
  UPDATE share_advisory SET recipients = recipients + 1 WHERE advisory = NEW.advisory;
END;
CREATE TRIGGER share_advisory_answered AFTER INSERT ON share_advisory_answer BEGIN
  UPDATE share_advisory SET
    acknowledged = acknowledged - (last.answer = 'acknowledged') + (NEW.answer = 'acknowledged'),
    applied = applied - (last.answer = 'applied') + (NEW.answer = 'applied'),
    not_applied = not_applied - (last.answer = 'not-applied') + (NEW.answer = 'not-applied')
  FROM (SELECT COALESCE((SELECT s.answer FROM share_advisory_answer s WHERE s.advisory = NEW.advisory
    AND s.org = NEW.org AND s.number < NEW.number ORDER BY s.number DESC LIMIT 1), '') AS answer) AS last
  WHERE advisory = NEW.advisory;
END;
