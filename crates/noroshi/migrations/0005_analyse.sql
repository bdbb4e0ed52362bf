-- Joint cases: what belongs together, and what people say about it. What happened to a case is in office_audit.

CREATE TABLE analyse_case (
  case_id   TEXT PRIMARY KEY,
  title     TEXT NOT NULL,
  summary   TEXT NOT NULL,
  state     TEXT NOT NULL,           -- open
  group_key TEXT,                    -- the group of the correlation it was opened from
  org       TEXT NOT NULL,           -- who opened it
  opened_at TEXT NOT NULL
);

CREATE TABLE analyse_member (
  case_id    TEXT NOT NULL REFERENCES analyse_case (case_id),
  item       TEXT NOT NULL,          -- report, sighting or partner's object
  kind       TEXT NOT NULL,          -- report | sighting | partner
  added_at   TEXT NOT NULL,
  added_why  TEXT NOT NULL,
  removed_at TEXT,                   -- a removed one stays on record with its reason
  removed_why TEXT,
  PRIMARY KEY (case_id, item)
);
CREATE INDEX analyse_member_item ON analyse_member (item);

-- Append-only: there is no way to change or delete a note.
CREATE TABLE analyse_note (
  note    TEXT PRIMARY KEY,
  case_id TEXT NOT NULL REFERENCES analyse_case (case_id),
  at      TEXT NOT NULL,
  org     TEXT NOT NULL,
  hat     TEXT NOT NULL,
  text    TEXT NOT NULL
);
CREATE INDEX analyse_note_case ON analyse_note (case_id, at, note);
