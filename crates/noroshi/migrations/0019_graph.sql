-- Who may see an object is settled where it is kept: by its colour as well as by the report it stems from.

DROP INDEX evidence_object_shelf;
DROP INDEX evidence_object_type;
ALTER TABLE evidence_object DROP COLUMN shelf;
-- Not for every reader of evidence: from a report, or for the eyes of its organisation or of named recipients only
-- (TLP:AMBER+STRICT, TLP:RED). What an opinion on handling restricts stands in share_handling.
ALTER TABLE evidence_object ADD COLUMN closed BIGINT GENERATED ALWAYS AS
  (CASE WHEN from_report = 1 OR tlp IN ('amber-strict', 'red') THEN 1 ELSE 0 END) VIRTUAL;
-- In which list it stands: 0 in none (an older version), 1 for all, 2 for those who see what is closed, 3 and 4 the same
-- for what is hidden; 4 more for edges and markings, which are listed only when their type is asked for.
ALTER TABLE evidence_object ADD COLUMN shelf BIGINT GENERATED ALWAYS AS
  (CASE WHEN latest = 0 THEN 0 ELSE 1 + (from_report = 1 OR tlp IN ('amber-strict', 'red')) + 2 * hidden
   + 4 * (type IN ('relationship', 'marking-definition')) END) VIRTUAL;
-- The report that brought an object first, when somebody else brought the same object openly after that: it is shown as
-- theirs, and the report still finds it.
ALTER TABLE evidence_object ADD COLUMN born TEXT;
CREATE INDEX evidence_object_shelf ON evidence_object (shelf, seq);
CREATE INDEX evidence_object_type ON evidence_object (type, shelf, seq);
CREATE INDEX evidence_object_own ON evidence_object (originator, seq) WHERE closed = 1;
CREATE INDEX evidence_object_born ON evidence_object (born, seq) WHERE born IS NOT NULL;
DELETE FROM evidence_shelf;
INSERT INTO evidence_shelf (type, shelf, objects)
  SELECT type, shelf, COUNT(*) FROM evidence_object WHERE shelf <> 0 GROUP BY type, shelf;

-- Under what terms something was put aside: they hold for whatever comes of it.
ALTER TABLE evidence_aside ADD COLUMN tlp TEXT;        -- the least colour; absent when none was asked for
ALTER TABLE evidence_aside ADD COLUMN class TEXT;      -- the legal class; absent for what was put aside before
ALTER TABLE evidence_aside ADD COLUMN originator TEXT; -- whose it is; absent for what was put aside before
