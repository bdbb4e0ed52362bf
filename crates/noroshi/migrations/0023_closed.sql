-- What holds selected communications information or a secret is not for every reader of evidence, whatever its colour; what
-- an object is said to be made from is found without its other edges; held on stricter terms, it is looked at again.

-- A bit that a version ever bore, every later one bears; only a review lets one version out.
UPDATE evidence_object SET
  has_comms = (SELECT MAX(v.has_comms) FROM evidence_object v WHERE v.node = evidence_object.node
    AND v.modified <= evidence_object.modified),
  has_secret = (SELECT MAX(v.has_secret) FROM evidence_object v WHERE v.node = evidence_object.node
    AND v.modified <= evidence_object.modified)
  WHERE node IN (SELECT node FROM evidence_object WHERE has_comms = 1 OR has_secret = 1);

DROP INDEX evidence_object_shelf;
DROP INDEX evidence_object_type;
DROP INDEX evidence_object_own;
ALTER TABLE evidence_object DROP COLUMN shelf;
ALTER TABLE evidence_object DROP COLUMN closed;
-- Not for every reader of evidence: from a report, for the eyes of its organisation or of named recipients only
-- (TLP:AMBER+STRICT, TLP:RED), or with selected communications information or a secret in it (Act arts 37 and 44).
ALTER TABLE evidence_object ADD COLUMN closed BIGINT GENERATED ALWAYS AS
  (CASE WHEN from_report = 1 OR tlp IN ('amber-strict', 'red') OR has_comms = 1 OR has_secret = 1 THEN 1 ELSE 0 END)
  VIRTUAL;
-- In which list it stands: 0 in none (an older version), 1 for all, 2 for those who see what is closed, 3 and 4 the same
-- for what is hidden; 4 more for edges and markings, which are listed only when their type is asked for.
ALTER TABLE evidence_object ADD COLUMN shelf BIGINT GENERATED ALWAYS AS
  (CASE WHEN latest = 0 THEN 0 ELSE 1
   + (from_report = 1 OR tlp IN ('amber-strict', 'red') OR has_comms = 1 OR has_secret = 1) + 2 * hidden
   + 4 * (type IN ('relationship', 'marking-definition')) END) VIRTUAL;
CREATE INDEX evidence_object_shelf ON evidence_object (shelf, seq);
CREATE INDEX evidence_object_type ON evidence_object (type, shelf, seq);
CREATE INDEX evidence_object_own ON evidence_object (originator, seq) WHERE closed = 1;
DELETE FROM evidence_shelf;
INSERT INTO evidence_shelf (type, shelf, objects)
  SELECT type, shelf, COUNT(*) FROM evidence_object WHERE shelf <> 0 GROUP BY type, shelf;

-- Relationships that say that one thing was made from another (`derived-from`, `based-on`), by the version that says so.
CREATE TABLE evidence_deriving (
  via       INTEGER PRIMARY KEY,     -- seq of the version of the relationship
  made      BIGINT NOT NULL,         -- node of what was made
  source    BIGINT NOT NULL,         -- node of what it was made from
  stated_by TEXT NOT NULL,           -- whose statement it is
  guest     BIGINT NOT NULL          -- 1 when that is an organisation outside: heard about what is its own only
);
INSERT INTO evidence_deriving (via, made, source, stated_by, guest)
  SELECT e.via, e.node, e.other, o.originator, EXISTS (SELECT 1 FROM office_org g WHERE g.org = o.originator
    AND g.kind NOT IN ('office', 'ministry', 'police', 'defence'))
  FROM evidence_kind k JOIN evidence_edge e ON e.kind = k.kind AND e.way = 0
  JOIN evidence_object o ON o.seq = e.via AND o.type = 'relationship'
  WHERE k.name IN ('derived-from', 'based-on');
CREATE INDEX evidence_deriving_made ON evidence_deriving (made, guest, stated_by, source);
CREATE INDEX evidence_deriving_source ON evidence_deriving (source, via);

-- Versions that came again on stricter terms than those they are held on, until it was looked who has them.
CREATE TABLE evidence_tightened (
  number INTEGER PRIMARY KEY,
  seq    BIGINT NOT NULL,
  bound  BIGINT NOT NULL             -- 1 when a legal bit came to it
);
