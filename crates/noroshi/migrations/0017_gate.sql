-- An organisation's own words, where they cannot stand in the stream of their audience: something else is held there
-- under the same name. It alone reads them, at a place of the stream, as it reads whatever else it handed in.

CREATE TABLE share_own (
  audience     TEXT NOT NULL,
  org          TEXT NOT NULL,        -- who handed it in, and alone reads it
  id           TEXT NOT NULL,
  modified     TEXT NOT NULL,        -- version, nine fraction digits; empty for what the standard does not version
  added        BIGINT NOT NULL,      -- its place, out of the same order as those of share_item
  type         TEXT NOT NULL,
  digest       TEXT NOT NULL,        -- SHA-256 over the canonical text
  class        TEXT NOT NULL,        -- the legal class it was handed in as
  push         TEXT NOT NULL REFERENCES share_push (push),
  bytes        TEXT NOT NULL,        -- the text as it arrived
  withdrawn_at TEXT,
  PRIMARY KEY (audience, org, id, modified)
);
CREATE UNIQUE INDEX share_own_place ON share_own (audience, org, added);

ALTER TABLE share_push ADD COLUMN class TEXT;  -- the legal class it was handed in as; absent: that of the collection
