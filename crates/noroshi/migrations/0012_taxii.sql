-- The TAXII server: what is handed in, and certificates that prove a caller.

ALTER TABLE share_collection ADD COLUMN root TEXT;        -- the API root it stands under; absent for the first
ALTER TABLE share_collection ADD COLUMN push_tlp TEXT;    -- the least marking of what is handed in; absent: its own, else amber
ALTER TABLE share_collection ADD COLUMN push_class TEXT;  -- the legal class of what is handed in; absent: CIA-N

-- What was handed in at once. The answer is given when this row is durable; a job brings it into the graph.
CREATE TABLE share_push (
  push       TEXT PRIMARY KEY,       -- UUID: the status resource
  root       TEXT NOT NULL,
  collection TEXT NOT NULL REFERENCES share_collection (collection),
  audience   TEXT NOT NULL,
  person     TEXT NOT NULL,
  org        TEXT NOT NULL,          -- who handed it in: the originator of what is new in it
  at         TEXT NOT NULL,
  digest     TEXT NOT NULL,          -- SHA-256 over the body
  body       BLOB,                   -- as it arrived; absent when everything in it was dealt with
  state      TEXT NOT NULL DEFAULT 'pending',  -- pending | complete
  ended_at   TEXT
);
CREATE INDEX share_push_org ON share_push (org, at);

CREATE TABLE share_push_entry (
  push    TEXT NOT NULL REFERENCES share_push (push),
  entry   BIGINT NOT NULL,           -- its place in the envelope, from 0
  id      TEXT NOT NULL,             -- as it calls itself
  version TEXT NOT NULL,
  state   TEXT NOT NULL DEFAULT 'pending',     -- pending | success | failure
  code    TEXT,                      -- why it failed
  PRIMARY KEY (push, entry)
) WITHOUT ROWID;

-- A place in an audience's stream that was given up: the version was withdrawn and handed in again later. What was
-- delivered before stays provable.
CREATE TABLE share_item_past (
  audience     TEXT NOT NULL,
  added        BIGINT NOT NULL,
  id           TEXT NOT NULL,
  modified     TEXT NOT NULL,
  digest       TEXT NOT NULL,
  release      TEXT NOT NULL,
  withdrawn_at TEXT NOT NULL,
  PRIMARY KEY (audience, added)
) WITHOUT ROWID;
CREATE INDEX share_item_past_id ON share_item_past (id, modified);

-- Whom a client certificate speaks for.
CREATE TABLE office_certificate (
  fingerprint TEXT PRIMARY KEY,      -- SHA-256 over the certificate (DER), hexadecimal
  label       TEXT NOT NULL,
  person      TEXT NOT NULL REFERENCES office_person (person),
  org         TEXT NOT NULL,
  hat         TEXT NOT NULL,
  created_at  TEXT NOT NULL,
  expires_at  TEXT NOT NULL,
  revoked_at  TEXT
);
CREATE INDEX office_certificate_person ON office_certificate (person);
