-- What leaves the house: who may receive, what was released to them, and what was said about handling.

CREATE TABLE share_finding (
  finding     TEXT PRIMARY KEY,
  org         TEXT NOT NULL REFERENCES office_org (org),
  scope       TEXT NOT NULL,         -- the class up to which the partner protects equivalently
  found_at    TEXT NOT NULL,
  valid_until TEXT NOT NULL
);
CREATE INDEX share_finding_org ON share_finding (org, found_at);

CREATE TABLE share_collection (
  collection TEXT PRIMARY KEY,       -- UUID, as TAXII wants
  partner    TEXT NOT NULL REFERENCES office_org (org),
  title      TEXT NOT NULL,
  types      TEXT NOT NULL,          -- STIX types that may stand in it, JSON list; empty for all
  tlp_max    TEXT NOT NULL,          -- the ceiling, whatever a single object allows
  last_added BIGINT NOT NULL,        -- microseconds since 1970; grows strictly with each object added
  created_at TEXT NOT NULL
);
CREATE INDEX share_collection_partner ON share_collection (partner);

CREATE TABLE share_release (
  release    TEXT PRIMARY KEY,
  collection TEXT NOT NULL REFERENCES share_collection (collection),
  person     TEXT NOT NULL,
  at         TEXT NOT NULL,
  outcome    TEXT NOT NULL           -- what passed and what did not, with every reason, JSON
);
CREATE INDEX share_release_collection ON share_release (collection, at);

-- One version of one object in one collection. What is served is the text this digest names, or nothing.
CREATE TABLE share_item (
  collection TEXT NOT NULL REFERENCES share_collection (collection),
  added      BIGINT NOT NULL,        -- microseconds since 1970, strictly increasing in a collection
  id         TEXT NOT NULL,
  modified   TEXT NOT NULL,
  digest     TEXT NOT NULL,
  release    TEXT NOT NULL REFERENCES share_release (release),
  PRIMARY KEY (collection, added),
  UNIQUE (collection, id, modified)
);

-- What the originator or an agreement party said about handling.
CREATE TABLE share_handling (
  id            TEXT PRIMARY KEY,
  restricted_to TEXT,                -- organisations, JSON list; absent without an opinion (Act art. 45(6))
  consent       TEXT,                -- reference of the agreement party's consent (Act art. 38(3))
  said_at       TEXT NOT NULL
);
