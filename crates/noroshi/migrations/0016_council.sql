-- Advisories to council members and operators, and what each recipient answered. Answers are added, never replaced.
CREATE TABLE share_advisory (
  advisory  TEXT PRIMARY KEY,
  audience  TEXT NOT NULL,
  title     TEXT NOT NULL,
  body      TEXT NOT NULL,
  objects   TEXT NOT NULL,           -- identifiers of what was released to the audience, JSON list
  tlp       TEXT NOT NULL,
  class     TEXT NOT NULL,
  needs     TEXT,                    -- acknowledge | apply; absent when no answer is needed
  due_at    TEXT,
  digest    TEXT NOT NULL,           -- over the words and the recipients, as the first person saw them
  person    TEXT NOT NULL,
  at        TEXT NOT NULL,
  second    TEXT,                    -- who looked at it after that, where a second person must
  issued_at TEXT                     -- absent while it waits for a second person
);
CREATE INDEX share_advisory_at ON share_advisory (at);
CREATE TABLE share_advisory_recipient (
  advisory     TEXT NOT NULL REFERENCES share_advisory (advisory),
  org          TEXT NOT NULL,
  delivered_at TEXT,
  PRIMARY KEY (advisory, org)
) WITHOUT ROWID;
CREATE INDEX share_advisory_recipient_org ON share_advisory_recipient (org);
CREATE TABLE share_advisory_answer (
  number   INTEGER PRIMARY KEY,
  advisory TEXT NOT NULL,
  org      TEXT NOT NULL,
  answer   TEXT NOT NULL,            -- acknowledged | applied | not-applied
  reason   TEXT,
  person   TEXT NOT NULL,
  at       TEXT NOT NULL,
  FOREIGN KEY (advisory, org) REFERENCES share_advisory_recipient (advisory, org)
);
CREATE INDEX share_advisory_answer_of ON share_advisory_answer (advisory, org, number);

-- Questions between the office and one member of the council (art. 45). Only these two see them.
CREATE TABLE share_question (
  question    TEXT PRIMARY KEY,
  org         TEXT NOT NULL,         -- the member
  by_office   BIGINT NOT NULL,       -- 1 when the office asks, 0 when the member does
  words       TEXT NOT NULL,
  due_at      TEXT NOT NULL,
  person      TEXT NOT NULL,
  at          TEXT NOT NULL,
  state       TEXT NOT NULL DEFAULT 'open', -- open | answered | declined
  answer      TEXT,                  -- the answer, or the justification for giving none
  answered_by TEXT,
  answered_at TEXT
);
CREATE INDEX share_question_org ON share_question (org, at);

-- What an organisation's tools were given the last time: the serial rises when the entries differ.
CREATE TABLE share_export (
  org        TEXT NOT NULL,
  audience   TEXT NOT NULL,
  format     TEXT NOT NULL,
  digest     TEXT NOT NULL,
  serial     BIGINT NOT NULL,
  fetched_at TEXT NOT NULL,
  PRIMARY KEY (org, audience, format)
) WITHOUT ROWID;
