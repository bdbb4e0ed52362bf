-- The graph in integers: what an edge, a version or a name costs no longer depends on how many there are.
-- `keyed` is the folder's own number of a text (office/keyed.rs); whoever looks one up compares the text too.

-- Everything that is held or named. What is named and not held is a placeholder: a node without a version. A node
-- keeps its number for ever, so whoever has found it once need not look again.
CREATE TABLE evidence_node (
  node INTEGER PRIMARY KEY,
  slot BIGINT NOT NULL,              -- keyed (id)
  id   TEXT NOT NULL
);
INSERT INTO evidence_node (slot, id)
  SELECT keyed(id), id FROM evidence_object GROUP BY id ORDER BY MIN(seq);
INSERT INTO evidence_node (slot, id)
  SELECT keyed(id), id FROM (SELECT from_id AS id FROM evidence_edge UNION SELECT to_id FROM evidence_edge) AS named
  WHERE id NOT IN (SELECT id FROM evidence_head) ORDER BY id;
CREATE INDEX evidence_node_slot ON evidence_node (slot);

CREATE TABLE evidence_version (
  seq         INTEGER PRIMARY KEY,   -- order of arrival
  node        BIGINT NOT NULL,
  latest      BIGINT NOT NULL,       -- 1 for the newest version held of its node
  id          TEXT NOT NULL,
  modified    TEXT NOT NULL,         -- version, nine fraction digits; empty for what the standard does not version
  type        TEXT NOT NULL,
  name        TEXT,                  -- name, or value of an observable
  created     TEXT,
  created_by  TEXT,
  revoked     BIGINT NOT NULL,
  hidden      BIGINT NOT NULL,       -- revoked or deprecated: not listed unless asked for
  valid_from  TEXT,                  -- of indicators
  valid_until TEXT,
  digest      TEXT NOT NULL,         -- SHA-256 over the canonical text
  tlp         TEXT NOT NULL,
  class       TEXT NOT NULL,         -- CIA | CIA-P | CIA-PM | CIA-N
  has_comms   BIGINT NOT NULL,       -- holds selected communications information, or stems from it
  has_secret  BIGINT NOT NULL,
  originator  TEXT NOT NULL,
  source      TEXT NOT NULL,         -- how it came: import:…, intake:…, sift:…
  from_report BIGINT NOT NULL,       -- stems from a statutory report only: not for those who may not read reports
  space       TEXT NOT NULL DEFAULT 'production',
  arrived_at  TEXT NOT NULL,
  -- In which list it stands: 0 in none (an older version), 1 for all, 2 for readers of reports, 3 and 4 the same
  -- for what is hidden; 4 more for edges and markings, which are listed only when their type is asked for.
  shelf       BIGINT GENERATED ALWAYS AS (CASE WHEN latest = 0 THEN 0 ELSE 1 + from_report + 2 * hidden
              + 4 * (type IN ('relationship', 'marking-definition')) END) VIRTUAL,
  bytes       TEXT NOT NULL          -- the text as it arrived; last, because what stands behind a long text is far away
);
INSERT INTO evidence_version (seq, node, latest, id, modified, type, name, created, created_by, revoked, hidden,
    valid_from, valid_until, digest, tlp, class, has_comms, has_secret, originator, source, from_report, space,
    arrived_at, bytes)
  SELECT o.seq, n.node, (SELECT COUNT(*) FROM evidence_head h WHERE h.id = o.id AND h.modified = o.modified),
    o.id, o.modified, o.type, o.name, o.created, o.created_by, o.revoked, o.hidden, o.valid_from, o.valid_until,
    o.digest, o.tlp, o.class, o.has_comms, o.has_secret, o.originator, o.source, o.from_report, o.space,
    o.arrived_at, o.bytes
  FROM evidence_object o JOIN evidence_node n ON n.slot = keyed(o.id) AND n.id = o.id ORDER BY o.seq;
DROP TABLE evidence_object;
DROP TABLE evidence_head;
ALTER TABLE evidence_version RENAME TO evidence_object;
-- A version is held once, and one version of a node is the latest, whoever writes.
CREATE UNIQUE INDEX evidence_object_version ON evidence_object (node, modified);
CREATE UNIQUE INDEX evidence_object_latest ON evidence_object (node) WHERE latest = 1;
CREATE INDEX evidence_object_shelf ON evidence_object (shelf, seq);
CREATE INDEX evidence_object_type ON evidence_object (type, shelf, seq);
CREATE INDEX evidence_object_source ON evidence_object (source, seq);

-- How many stand on each shelf, kept in the transaction that puts them there.
CREATE TABLE evidence_shelf (
  type    TEXT NOT NULL,
  shelf   BIGINT NOT NULL,
  objects BIGINT NOT NULL,
  PRIMARY KEY (type, shelf)
) WITHOUT ROWID;
INSERT INTO evidence_shelf (type, shelf, objects)
  SELECT type, shelf, COUNT(*) FROM evidence_object WHERE shelf <> 0 GROUP BY type, shelf;

CREATE TABLE evidence_kind (
  kind INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE          -- relationship_type, or the name of the property
);
INSERT INTO evidence_kind (name) SELECT DISTINCT kind FROM evidence_edge ORDER BY kind;

-- Two rows an edge, one at each end, in the order of arrival: adding one touches neither end, however many edges it
-- has, and a page of them is a range.
CREATE TABLE evidence_end (
  node  BIGINT NOT NULL,             -- this end
  via   BIGINT NOT NULL,             -- seq of the version that makes the edge
  way   BIGINT NOT NULL,             -- 0 leads away from this end, 1 leads to it
  kind  BIGINT NOT NULL,
  other BIGINT NOT NULL,             -- node of the other end
  PRIMARY KEY (node, via, way, kind, other)
) WITHOUT ROWID;
INSERT INTO evidence_end (node, via, way, kind, other)
  SELECT f.node, v.seq, 0, k.kind, t.node FROM evidence_edge e
    JOIN evidence_kind k ON k.name = e.kind
    JOIN evidence_node f ON f.slot = keyed(e.from_id) AND f.id = e.from_id
    JOIN evidence_node t ON t.slot = keyed(e.to_id) AND t.id = e.to_id
    JOIN evidence_node m ON m.slot = keyed(e.via) AND m.id = e.via
    JOIN evidence_object v ON v.node = m.node AND v.latest = 1;
INSERT INTO evidence_end (node, via, way, kind, other)
  SELECT other, via, 1, kind, node FROM evidence_end WHERE way = 0 ORDER BY other, via;
DROP TABLE evidence_edge;
ALTER TABLE evidence_end RENAME TO evidence_edge;

-- What each version names, and for each value who names it: the value itself stands once, beside the version.
CREATE TABLE evidence_naming (
  seq   BIGINT NOT NULL,             -- the version that names it
  value TEXT NOT NULL,               -- canonical text
  PRIMARY KEY (seq, value)
) WITHOUT ROWID;
INSERT INTO evidence_naming (seq, value)
  SELECT DISTINCT o.seq, b.value FROM evidence_observable b
    JOIN evidence_node n ON n.slot = keyed(b.item) AND n.id = b.item
    JOIN evidence_object o ON o.node = n.node AND o.latest = 1 ORDER BY o.seq, b.value;
DROP TABLE evidence_observable;
CREATE TABLE evidence_posting (
  slot BIGINT NOT NULL,              -- keyed (value)
  seq  BIGINT NOT NULL,
  PRIMARY KEY (slot, seq)
) WITHOUT ROWID;
INSERT OR IGNORE INTO evidence_posting (slot, seq)
  SELECT keyed(value), seq FROM evidence_naming ORDER BY keyed(value), seq;

CREATE INDEX evidence_aside_id ON evidence_aside (id, aside);

-- Fewer, larger mergers: words arrive in bulk.
INSERT INTO evidence_search (evidence_search, rank) VALUES ('automerge', 8);
INSERT INTO evidence_search (evidence_search, rank) VALUES ('crisismerge', 32);
