-- The analyst's desk: statements that two objects are one, notes with a marking of their own, competing hypotheses,
-- what people watch and what they were told. Nothing here rewrites an object; nothing here is deleted.

CREATE TABLE analyse_alias (
  alias      TEXT PRIMARY KEY,
  one        TEXT NOT NULL,          -- the object that is counted as part of the other
  into_id    TEXT NOT NULL,
  reason     TEXT NOT NULL,
  org        TEXT NOT NULL,
  hat        TEXT NOT NULL,
  stated_at  TEXT NOT NULL,
  ended_at   TEXT,                   -- taken back then
  ended_why  TEXT,
  ended_org  TEXT,
  ended_hat  TEXT
);
-- An object is part of one other at a time, and nothing is part of its own part (kept by the insert).
CREATE UNIQUE INDEX analyse_alias_one ON analyse_alias (one) WHERE ended_at IS NULL;
CREATE INDEX analyse_alias_into ON analyse_alias (into_id) WHERE ended_at IS NULL;

-- Notes of cases move beside notes of objects. Append-only: there is no way to change or delete a note.
CREATE TABLE analyse_remark (
  note     TEXT PRIMARY KEY,
  subject  TEXT NOT NULL,            -- a case or an object
  tlp      TEXT NOT NULL,            -- at least that of its subject
  audience TEXT NOT NULL,            -- subject: who may see the subject | org: of the writer | person: the writer
  at       TEXT NOT NULL,
  person   TEXT NOT NULL,            -- empty for notes from before
  org      TEXT NOT NULL,
  hat      TEXT NOT NULL,
  text     TEXT NOT NULL
);
CREATE INDEX analyse_remark_subject ON analyse_remark (subject, at, note);
INSERT INTO analyse_remark (note, subject, tlp, audience, at, person, org, hat, text)
  SELECT note, case_id, 'amber', 'subject', at, '', org, hat, text FROM analyse_note;
DROP TABLE analyse_note;

CREATE TABLE analyse_hypothesis (
  hypothesis TEXT PRIMARY KEY,
  case_id    TEXT NOT NULL REFERENCES analyse_case (case_id),
  object     TEXT,                   -- an intrusion set, a threat actor or a campaign held; absent for a category
  label      TEXT NOT NULL,          -- its words where there is no object
  rationale  TEXT NOT NULL,
  org        TEXT NOT NULL,
  hat        TEXT NOT NULL,
  at         TEXT NOT NULL,
  ended_at   TEXT,
  ended_why  TEXT
);
CREATE INDEX analyse_hypothesis_case ON analyse_hypothesis (case_id, at);

CREATE TABLE analyse_exhibit (
  exhibit     TEXT PRIMARY KEY,
  case_id     TEXT NOT NULL REFERENCES analyse_case (case_id),
  item        TEXT NOT NULL,         -- object, sighting or report
  says        TEXT NOT NULL,         -- what it says for the question
  credibility TEXT NOT NULL,         -- low | medium | high
  relevance   TEXT NOT NULL,
  org         TEXT NOT NULL,
  hat         TEXT NOT NULL,
  at          TEXT NOT NULL,
  ended_at    TEXT,
  ended_why   TEXT
);
CREATE INDEX analyse_exhibit_case ON analyse_exhibit (case_id, at);

-- A judgement is never changed; a later one of the same hat counts instead of the earlier.
CREATE TABLE analyse_judgement (
  judgement  TEXT PRIMARY KEY,
  case_id    TEXT NOT NULL REFERENCES analyse_case (case_id),
  exhibit    TEXT NOT NULL REFERENCES analyse_exhibit (exhibit),
  hypothesis TEXT NOT NULL REFERENCES analyse_hypothesis (hypothesis),
  verdict    TEXT NOT NULL,          -- consistent | neutral | inconsistent
  reason     TEXT NOT NULL,
  org        TEXT NOT NULL,
  hat        TEXT NOT NULL,
  at         TEXT NOT NULL
);
CREATE INDEX analyse_judgement_case ON analyse_judgement (case_id, judgement);

CREATE TABLE analyse_conclusion (
  conclusion TEXT PRIMARY KEY,
  case_id    TEXT NOT NULL REFERENCES analyse_case (case_id),
  hypothesis TEXT NOT NULL REFERENCES analyse_hypothesis (hypothesis),
  confidence TEXT NOT NULL,          -- low | moderate | high
  basis      TEXT NOT NULL,
  org        TEXT NOT NULL,
  hat        TEXT NOT NULL,
  at         TEXT NOT NULL
);
CREATE INDEX analyse_conclusion_case ON analyse_conclusion (case_id, conclusion);

CREATE TABLE analyse_watch (
  watch    TEXT PRIMARY KEY,
  person   TEXT NOT NULL,
  org      TEXT NOT NULL,
  hat      TEXT NOT NULL,            -- what is told is what this hat may see
  kind     TEXT NOT NULL,            -- object | case | search | observable
  target   TEXT NOT NULL,
  since    TEXT NOT NULL,
  seen_at  TEXT NOT NULL,            -- what came later is unread
  ended_at TEXT
);
CREATE UNIQUE INDEX analyse_watch_one ON analyse_watch (person, org, hat, kind, target) WHERE ended_at IS NULL;

-- What a person was told of one day in Japan: identifiers and times only; names are looked up when it is read, by
-- what may be seen then.
CREATE TABLE analyse_digest (
  digest  TEXT PRIMARY KEY,
  person  TEXT NOT NULL,
  org     TEXT NOT NULL,
  hat     TEXT NOT NULL,
  day     TEXT NOT NULL,
  made_at TEXT NOT NULL,
  entries TEXT NOT NULL,             -- JSON list
  more    BIGINT NOT NULL,           -- there was more than the list holds
  UNIQUE (person, org, hat, day)
);
