-- Reminders of advisories, questions to suppliers, places given anew, and what the files for operators' tools must look at
-- again.

-- A recipient of an advisory was reminded of its answer.
CREATE TABLE share_advisory_reminder (
  advisory TEXT NOT NULL,
  org      TEXT NOT NULL,
  person   TEXT NOT NULL,
  at       TEXT NOT NULL,
  FOREIGN KEY (advisory, org) REFERENCES share_advisory_recipient (advisory, org)
);
CREATE INDEX share_advisory_reminder_of ON share_advisory_reminder (advisory, org);

-- About which of its own objects a member of the council has given an opinion (Act art. 45(6)); what it says stands in
-- share_handling.
CREATE TABLE share_opinion (
  org     TEXT NOT NULL,
  id      TEXT NOT NULL,
  said_at TEXT NOT NULL,
  PRIMARY KEY (org, id)
) WITHOUT ROWID;

-- As what the organisation is asked: as a member of the council (Act art. 45) or as a supplier (art. 42).
ALTER TABLE share_question ADD COLUMN capacity TEXT NOT NULL DEFAULT 'council';

-- Objects about which something was decided or changed in place; `*` for all of them. Whoever keeps what the gate said
-- asks it again about these. New versions and new places are found by their own order and do not stand here.
CREATE TABLE share_touched (
  number INTEGER PRIMARY KEY,
  id     TEXT NOT NULL
);
CREATE TRIGGER share_touched_bounded AFTER INSERT ON share_touched BEGIN
  DELETE FROM share_touched WHERE number <= NEW.number - 100000;
END;
CREATE TRIGGER share_touched_terms AFTER UPDATE OF tlp, class, has_comms, has_secret, originator, source, born, space
  ON evidence_object WHEN NEW.tlp <> OLD.tlp OR NEW.class <> OLD.class OR NEW.has_comms <> OLD.has_comms
  OR NEW.has_secret <> OLD.has_secret OR NEW.originator <> OLD.originator OR NEW.source <> OLD.source
  OR NEW.born IS NOT OLD.born OR NEW.space <> OLD.space BEGIN
  INSERT INTO share_touched (id) VALUES (NEW.id);
END;
CREATE TRIGGER share_touched_handling AFTER INSERT ON share_handling BEGIN
  INSERT INTO share_touched (id) VALUES (NEW.id);
END;
CREATE TRIGGER share_touched_handled AFTER UPDATE ON share_handling BEGIN
  INSERT INTO share_touched (id) VALUES (NEW.id);
END;
CREATE TRIGGER share_touched_review AFTER UPDATE OF state ON share_review BEGIN
  INSERT INTO share_touched (id) VALUES (NEW.id);
END;
CREATE TRIGGER share_touched_place AFTER UPDATE OF withdrawn_at, digest ON share_item BEGIN
  INSERT INTO share_touched (id) VALUES (NEW.id);
END;
CREATE TRIGGER share_touched_own AFTER INSERT ON share_own BEGIN
  INSERT INTO share_touched (id) VALUES (NEW.id);
END;
CREATE TRIGGER share_touched_owned AFTER UPDATE ON share_own BEGIN
  INSERT INTO share_touched (id) VALUES (NEW.id);
END;
CREATE TRIGGER share_touched_shelf AFTER UPDATE OF push_class ON share_collection BEGIN
  INSERT INTO share_touched (id) VALUES ('*');
END;
