-- Sharing by audience: a release goes to an audience once, a collection is a view of it, and a delivery says who got what.

ALTER TABLE share_item RENAME TO share_item_before;
ALTER TABLE share_release RENAME TO share_release_before;
ALTER TABLE share_collection RENAME TO share_collection_before;
DROP INDEX share_release_collection;
DROP INDEX share_collection_partner;

-- The stream of one audience, e.g. `partner:org-…`, `council`, `operators:water`, `public`.
CREATE TABLE share_audience (
  audience   TEXT PRIMARY KEY,
  last_added BIGINT NOT NULL         -- microseconds since 1970; grows strictly with each object added
);

-- A filter with an audience. It holds nothing: what it shows is the audience's stream, judged anew on every page.
CREATE TABLE share_collection (
  collection  TEXT PRIMARY KEY,      -- UUID, as TAXII wants
  audience    TEXT NOT NULL REFERENCES share_audience (audience),
  title       TEXT NOT NULL,
  description TEXT,
  alias       TEXT UNIQUE,
  types       TEXT NOT NULL,         -- STIX types shown, JSON list; empty for all
  tlp_max     TEXT NOT NULL,         -- the ceiling, whatever a single object allows
  can_read    BIGINT NOT NULL DEFAULT 1,
  can_write   BIGINT NOT NULL DEFAULT 0,
  media_types TEXT,                  -- JSON list; absent for STIX 2.1
  created_at  TEXT NOT NULL
);
CREATE INDEX share_collection_audience ON share_collection (audience, created_at);

CREATE TABLE share_release (
  release    TEXT PRIMARY KEY,
  audience   TEXT NOT NULL REFERENCES share_audience (audience),
  collection TEXT,                   -- the view it was released through, if one was named
  person     TEXT NOT NULL,
  at         TEXT NOT NULL,
  outcome    TEXT NOT NULL           -- what passed and what did not, with every reason, JSON
);
CREATE INDEX share_release_audience ON share_release (audience, at);

-- One version of one object for one audience, once, however many collections show it. What is handed out is the text
-- this digest names, or that text redacted, or nothing.
CREATE TABLE share_item (
  audience     TEXT NOT NULL REFERENCES share_audience (audience),
  added        BIGINT NOT NULL,      -- microseconds since 1970, strictly increasing within an audience
  id           TEXT NOT NULL,
  modified     TEXT NOT NULL,
  type         TEXT NOT NULL,
  digest       TEXT NOT NULL,
  release      TEXT NOT NULL REFERENCES share_release (release),
  withdrawn_at TEXT,
  PRIMARY KEY (audience, added),
  UNIQUE (audience, id, modified)
) WITHOUT ROWID;
CREATE INDEX share_item_type ON share_item (audience, type, added);

-- One row a page that was handed out, written before its first byte: the exact `added` values, so that a recall finds
-- everybody who got a version.
CREATE TABLE share_delivery (
  delivery    INTEGER PRIMARY KEY,
  recipient   TEXT NOT NULL,
  audience    TEXT NOT NULL,
  first_added BIGINT NOT NULL,
  last_added  BIGINT NOT NULL,
  added       BLOB NOT NULL,         -- what follows `first_added`, each as the difference to the one before (LEB128)
  via         TEXT NOT NULL,         -- taxii | stream | export | advisory | inbox
  at          TEXT NOT NULL,
  position    BIGINT NOT NULL        -- the leaf that says so
);
CREATE INDEX share_delivery_span ON share_delivery (audience, last_added, first_added);

-- A new message that takes something back, corrects it, or marks it more strictly. Nothing is deleted by it.
CREATE TABLE share_recall (
  recall      TEXT PRIMARY KEY,
  id          TEXT NOT NULL,
  modified    TEXT,                  -- absent for every version
  kind        TEXT NOT NULL,         -- recall | correction | remark | revocation
  reason      TEXT NOT NULL,
  replaced_by TEXT,
  notice      TEXT NOT NULL,         -- the note its recipients read
  person      TEXT NOT NULL,
  at          TEXT NOT NULL
);
CREATE INDEX share_recall_id ON share_recall (id, at);
CREATE INDEX share_recall_notice ON share_recall (notice);

CREATE TABLE share_recall_recipient (
  recall          TEXT NOT NULL REFERENCES share_recall (recall),
  org             TEXT NOT NULL,
  state           TEXT NOT NULL DEFAULT 'pending',   -- pending | delivered | acknowledged
  delivered_at    TEXT,
  acknowledged_at TEXT,
  by              TEXT,
  note            TEXT,
  PRIMARY KEY (recall, org)
) WITHOUT ROWID;
CREATE INDEX share_recall_open ON share_recall_recipient (state, recall);
CREATE INDEX share_recall_org ON share_recall_recipient (org, state);

CREATE TABLE share_reminder (
  recall TEXT NOT NULL REFERENCES share_recall (recall),
  org    TEXT NOT NULL,
  person TEXT NOT NULL,
  at     TEXT NOT NULL
);
CREATE INDEX share_reminder_recall ON share_reminder (recall, org);

-- A derivation review: it clears exactly one version of one object, with these bytes, and nothing else.
CREATE TABLE share_review (
  review   TEXT PRIMARY KEY,
  id       TEXT NOT NULL,
  modified TEXT NOT NULL,
  digest   TEXT NOT NULL,
  salt     TEXT NOT NULL,            -- with it the log names the version without telling its content
  state    TEXT NOT NULL,            -- draft | provenance_checked | secret_checked | rights_checked | released | refused
  at       TEXT NOT NULL
);
CREATE INDEX share_review_object ON share_review (id, modified);

CREATE TABLE share_review_step (
  review TEXT NOT NULL REFERENCES share_review (review),
  number BIGINT NOT NULL,
  state  TEXT NOT NULL,
  person TEXT NOT NULL,
  hat    TEXT NOT NULL,
  reason TEXT NOT NULL,
  at     TEXT NOT NULL,
  PRIMARY KEY (review, number)
) WITHOUT ROWID;

-- A release that waits for a second person. It stands on the digest of the preview the first one saw.
CREATE TABLE share_proposal (
  proposal   TEXT PRIMARY KEY,
  audience   TEXT NOT NULL,
  collection TEXT,
  objects    TEXT NOT NULL,          -- JSON list
  digest     TEXT NOT NULL,
  person     TEXT NOT NULL,
  at         TEXT NOT NULL,
  decided_by TEXT,
  decided_at TEXT,
  release    TEXT
);
CREATE INDEX share_proposal_open ON share_proposal (decided_at, at);

-- Who sits in the council, with its consent (Act art. 45(2)).
CREATE TABLE share_council (
  org       TEXT PRIMARY KEY REFERENCES office_org (org),
  consent   TEXT NOT NULL,           -- reference of the consent
  joined_at TEXT NOT NULL,
  left_at   TEXT
);

-- What an organisation never gets more than, whatever a release says.
CREATE TABLE share_ceiling (
  org    TEXT PRIMARY KEY REFERENCES office_org (org),
  class  TEXT NOT NULL,              -- the widest class
  tlp    TEXT NOT NULL,              -- the strictest colour
  set_at TEXT NOT NULL
);

-- What was there is carried over: a collection of a partner becomes a view of the partner's stream.
INSERT INTO share_audience (audience, last_added)
  SELECT 'partner:' || partner, MAX(last_added) FROM share_collection_before GROUP BY partner;
INSERT INTO share_collection (collection, audience, title, types, tlp_max, created_at)
  SELECT collection, 'partner:' || partner, title, types, tlp_max, created_at FROM share_collection_before;
INSERT INTO share_release (release, audience, collection, person, at, outcome)
  SELECT r.release, 'partner:' || c.partner, r.collection, r.person, r.at, r.outcome
  FROM share_release_before r JOIN share_collection_before c ON c.collection = r.collection;
-- A version that stood in several collections of a partner stands once, where it was first; two that were added at the
-- same microsecond to different collections are put one after the other: added = n + max(added - n) so far.
INSERT INTO share_item (audience, added, id, modified, type, digest, release)
  SELECT audience, n + MAX(added - n) OVER (PARTITION BY audience ORDER BY n), id, modified,
         substr(id, 1, instr(id, '--') - 1), digest, release
  FROM (
    SELECT audience, added, id, modified, digest, release,
           ROW_NUMBER() OVER (PARTITION BY audience ORDER BY added, id, modified) AS n
    FROM (
      SELECT 'partner:' || c.partner AS audience, i.added, i.id, i.modified, i.digest, i.release,
             ROW_NUMBER() OVER (PARTITION BY c.partner, i.id, i.modified ORDER BY i.added, i.collection) AS place
      FROM share_item_before i JOIN share_collection_before c ON c.collection = i.collection
    ) AS one WHERE place = 1
  ) AS numbered;
UPDATE share_audience SET last_added = MAX(last_added,
  COALESCE((SELECT MAX(i.added) FROM share_item i WHERE i.audience = share_audience.audience), 0));
-- The record of earlier readings names objects, not versions: every version that was there counts as handed out.
INSERT INTO share_delivery (recipient, audience, first_added, last_added, added, via, at, position)
  SELECT c.partner, i.audience, i.added, i.added, x'', 'taxii', a.at, a.position
  FROM office_audit a JOIN share_collection_before c ON c.collection = a.subject
  JOIN json_each(a.payload, '$.objects') o JOIN share_item i ON i.audience = 'partner:' || c.partner AND i.id = o.value
  JOIN share_release r ON r.release = i.release AND r.at <= a.at
  WHERE a.command = 'share.read';

DROP TABLE share_item_before;
DROP TABLE share_release_before;
DROP TABLE share_collection_before;
