-- Warning lists, the values of the graph that are on one, and what a person vouched for all the same.

CREATE TABLE evidence_list (
  list        INTEGER PRIMARY KEY,   -- order of loading
  name        TEXT NOT NULL UNIQUE,
  version     BIGINT NOT NULL,
  kind        TEXT NOT NULL,         -- string | hostname | cidr | substring | regex
  speaks      BIGINT NOT NULL,       -- to which values: addresses 1, names 2, locators 4, hashes 8
  description TEXT NOT NULL,
  entries     BIGINT NOT NULL,
  body        TEXT NOT NULL,         -- the entries, a JSON list of texts
  digest      TEXT NOT NULL,         -- SHA-256 over the body
  loaded_at   TEXT NOT NULL
);

-- Made from the lists and the graph; decisions ask the lists themselves.
CREATE TABLE evidence_doubt (
  kind  TEXT NOT NULL,
  value TEXT NOT NULL,               -- canonical text, as in evidence_observable
  list  TEXT NOT NULL,
  entry TEXT NOT NULL,               -- the entry of the list that matched
  PRIMARY KEY (kind, value, list)
);

CREATE TABLE evidence_vouch (
  kind   TEXT NOT NULL,
  value  TEXT NOT NULL,
  person TEXT NOT NULL,
  org    TEXT NOT NULL,
  reason TEXT NOT NULL,
  at     TEXT NOT NULL,
  PRIMARY KEY (kind, value)
);
