-- Taking back goes on after a stop, peers put aside exactly what they cannot read or do not take, webhooks ask again by
-- what they were made.

-- Up to where it was looked whether what was handed out may still be had. Advanced with what was found.
CREATE TABLE share_watch (
  watch TEXT PRIMARY KEY,            -- arrivals
  seq   BIGINT NOT NULL,             -- order of arrival of the last object looked at
  at    TEXT NOT NULL                -- findings that ended up to here were looked at
);
INSERT INTO share_watch (watch, seq, at) VALUES ('arrivals', 0, '1970-01-01T00:00:00.000000000Z');

-- What must be looked at still, a step at a time. Whoever takes a step raises its turn, so that no step is taken twice.
CREATE TABLE share_look (
  kind     TEXT NOT NULL,            -- object: who may not have it any more | names: what names it | org: what it was
                                     -- handed | withdrawn: who handed it in took it back
  subject  TEXT NOT NULL,            -- an object or an organisation
  after    BIGINT NOT NULL,          -- how far it got: a delivery of an organisation, an edge of an object
  turn     BIGINT NOT NULL,          -- grows with each step
  why      TEXT NOT NULL,
  person   TEXT NOT NULL,            -- in whose name
  org      TEXT NOT NULL,
  hat      TEXT NOT NULL,
  asked_at TEXT NOT NULL,
  PRIMARY KEY (kind, subject)
) WITHOUT ROWID;
CREATE INDEX share_look_at ON share_look (asked_at, kind, subject);
CREATE INDEX share_delivery_recipient ON share_delivery (recipient, delivery);

ALTER TABLE share_hook ADD COLUMN proof TEXT;  -- by what its maker proved who it is; asked again with each delivery
