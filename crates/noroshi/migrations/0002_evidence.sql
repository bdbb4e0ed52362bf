-- The evidence graph: versions of STIX objects, what connects them, by what they are recognised.

CREATE TABLE evidence_object (
  seq         INTEGER PRIMARY KEY,   -- order of arrival
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
  bytes       TEXT NOT NULL,         -- the text as it arrived
  tlp         TEXT NOT NULL,
  class       TEXT NOT NULL,         -- CIA | CIA-P | CIA-PM | CIA-N
  has_comms   BIGINT NOT NULL,       -- holds selected communications information, or stems from it
  has_secret  BIGINT NOT NULL,
  originator  TEXT NOT NULL,
  source      TEXT NOT NULL,         -- how it came: import:…, intake:…, sift:…
  from_report BIGINT NOT NULL,       -- stems from a statutory report only: not for those who may not read reports
  space       TEXT NOT NULL DEFAULT 'production',
  arrived_at  TEXT NOT NULL,
  UNIQUE (id, modified)
);
CREATE INDEX evidence_object_type ON evidence_object (type, seq);
CREATE INDEX evidence_object_source ON evidence_object (source, seq);

CREATE TABLE evidence_head (
  id       TEXT PRIMARY KEY,
  modified TEXT NOT NULL             -- the latest version held
);

-- One row an edge: adding one rewrites nothing else, however many edges a thing has.
CREATE TABLE evidence_edge (
  via     TEXT NOT NULL,             -- the relationship or sighting, or the object that names the other itself
  kind    TEXT NOT NULL,             -- relationship_type, or the name of the property
  from_id TEXT NOT NULL,
  to_id   TEXT NOT NULL,
  PRIMARY KEY (via, kind, from_id, to_id)
);
CREATE INDEX evidence_edge_from ON evidence_edge (from_id);
CREATE INDEX evidence_edge_to ON evidence_edge (to_id);

CREATE TABLE evidence_observable (
  kind  TEXT NOT NULL,               -- ipv4-addr | ipv6-addr | domain-name | url | file
  value TEXT NOT NULL,               -- canonical text
  item  TEXT NOT NULL,               -- the object that names it
  PRIMARY KEY (kind, value, item)
);
CREATE INDEX evidence_observable_item ON evidence_observable (item);

-- What could not be taken in, kept for a person to look at. Nothing held is ever overwritten.
CREATE TABLE evidence_aside (
  aside  INTEGER PRIMARY KEY,
  at     TEXT NOT NULL,
  kind   TEXT NOT NULL,              -- conflict | quarantine
  id     TEXT,
  code   TEXT NOT NULL,
  reason TEXT NOT NULL,
  bytes  BLOB NOT NULL,
  source TEXT NOT NULL,
  digest TEXT NOT NULL,
  UNIQUE (code, digest)
);

-- Words and, for Japanese, pairs of letters; made by the program, so that both ends cut alike.
CREATE VIRTUAL TABLE evidence_search USING fts5 (words, content='', contentless_delete=1);
