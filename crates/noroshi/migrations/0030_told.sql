-- Who was told what, until it is true no more; what every version names, wherever it stands; what a review was about.

-- What the watch told somebody about an object it was handed through a stream. A row ends when the object may be had again.
CREATE TABLE share_told (
  id       TEXT NOT NULL,
  org      TEXT NOT NULL,
  audience TEXT NOT NULL,
  whole    BIGINT NOT NULL,          -- 1: that it may not be had at all; 0: that parts of it may not
  newest   BIGINT NOT NULL,          -- seq of the newest version then
  delivery BIGINT NOT NULL,          -- the newest delivery that was taken into account
  PRIMARY KEY (id, org, audience)
) WITHOUT ROWID;

-- What a version names in any of its strings and no edge of it says. Read by those who look for what falls with something.
CREATE TABLE evidence_named (
  slot BIGINT NOT NULL,              -- keyed (identifier)
  seq  BIGINT NOT NULL,              -- the version that names it
  PRIMARY KEY (slot, seq)
) WITHOUT ROWID;
-- What was there before: every string that is an identifier and nothing else.
INSERT OR IGNORE INTO evidence_named (slot, seq)
  SELECT keyed(t.atom), o.seq FROM evidence_object o,
    json_tree(CASE WHEN json_valid(o.bytes) THEN o.bytes ELSE '{}' END) t
  WHERE t.type = 'text' AND t.atom <> o.id
  AND t.atom GLOB '*--[0-9a-fA-F]*-[0-9a-fA-F]*-[0-9a-fA-F]*-[0-9a-fA-F]*-[0-9a-fA-F]*';

-- A review is about a version as it was held when the review was opened: class and bits, and what had come in by then.
ALTER TABLE share_review ADD COLUMN terms TEXT;
ALTER TABLE share_review ADD COLUMN seq BIGINT;
UPDATE share_review SET
  terms = (SELECT o.class || ' ' || o.has_comms || ' ' || o.has_secret FROM evidence_node n JOIN evidence_object o
    ON o.node = n.node AND o.modified = share_review.modified AND o.digest = share_review.digest
    WHERE n.slot = keyed(share_review.id) AND n.id = share_review.id),
  seq = (SELECT COALESCE(MAX(seq), 0) FROM evidence_object);

-- A bit that a version ever bore, every later one bears: also where it came to an older version while newer ones were held.
UPDATE evidence_object SET
  has_comms = (SELECT MAX(v.has_comms) FROM evidence_object v WHERE v.node = evidence_object.node
    AND v.modified <= evidence_object.modified),
  has_secret = (SELECT MAX(v.has_secret) FROM evidence_object v WHERE v.node = evidence_object.node
    AND v.modified <= evidence_object.modified)
  WHERE node IN (SELECT node FROM evidence_object WHERE has_comms = 1 OR has_secret = 1);
DELETE FROM evidence_shelf;
INSERT INTO evidence_shelf (type, shelf, objects)
  SELECT type, shelf, COUNT(*) FROM evidence_object WHERE shelf <> 0 GROUP BY type, shelf;
