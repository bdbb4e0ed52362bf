-- Intake: what operators file, when it was due, who has seen it.

CREATE TABLE intake_draft (
  draft      TEXT PRIMARY KEY,           -- becomes the report's id when it is an initial or a lone final report
  org        TEXT NOT NULL,
  person     TEXT NOT NULL,              -- who saved it last
  stage      TEXT NOT NULL,              -- initial | supplement | final
  report     TEXT,                       -- the report a later stage belongs to
  fields     TEXT NOT NULL,              -- what was typed, by field of the form (JSON), also what is wrong
  version    BIGINT NOT NULL,
  state      TEXT NOT NULL,              -- open | filed | discarded
  created_at TEXT NOT NULL,
  saved_at   TEXT NOT NULL
);
CREATE INDEX intake_draft_org ON intake_draft (org, state, saved_at);

CREATE TABLE intake_report (
  report        TEXT PRIMARY KEY,
  org           TEXT NOT NULL,           -- the operator
  sector        TEXT NOT NULL,
  regime        TEXT NOT NULL,           -- jp.act
  state         TEXT NOT NULL,           -- initial-filed | final-filed
  version       BIGINT NOT NULL,         -- stages filed so far
  aware_at      TEXT NOT NULL,           -- as corrected last; the history is intake_awareness
  occurred_from TEXT,
  occurred_to   TEXT,
  damage_kind   TEXT NOT NULL,
  classes       TEXT NOT NULL,           -- K-classes named, sorted, separated by commas
  outline       TEXT NOT NULL,           -- first line, for lists
  stop_minutes  BIGINT,
  persons       BIGINT,
  loss_yen      BIGINT,
  personal_data BIGINT NOT NULL,
  filed_at      TEXT NOT NULL,
  final_at      TEXT,
  due_statutory TEXT,                    -- of the final report; absent when no clock ran
  due_shifted   TEXT,
  due_over_at   TEXT,                    -- the instant at which the shifted day is over
  incident      TEXT NOT NULL,           -- identifiers of its objects in the evidence graph
  indicator     TEXT NOT NULL,
  relation      TEXT NOT NULL
);
CREATE INDEX intake_report_org ON intake_report (org, report);
CREATE INDEX intake_report_sector ON intake_report (sector, report);
CREATE INDEX intake_report_due ON intake_report (state, due_over_at);

-- One filed stage, never changed afterwards.
CREATE TABLE intake_stage (
  report   TEXT NOT NULL REFERENCES intake_report (report),
  sequence BIGINT NOT NULL,
  stage    TEXT NOT NULL,
  number   TEXT NOT NULL UNIQUE,         -- the receipt's number
  digest   TEXT NOT NULL,                -- SHA-256 of snapshot
  snapshot TEXT NOT NULL,                -- RFC 8785 text of what was filed
  position BIGINT NOT NULL UNIQUE,       -- its leaf in the log
  PRIMARY KEY (report, sequence)
);

CREATE TABLE intake_awareness (
  report      TEXT NOT NULL REFERENCES intake_report (report),
  sequence    BIGINT NOT NULL,
  regime      TEXT NOT NULL,
  aware_at    TEXT NOT NULL,
  trigger_text TEXT NOT NULL,
  reason      TEXT NOT NULL,             -- empty for the first
  position    BIGINT NOT NULL,
  PRIMARY KEY (report, sequence)
);

-- What is owed, by which version of which rules. A correction of the awareness adds rows, it changes none.
CREATE TABLE intake_obligation (
  report       TEXT NOT NULL REFERENCES intake_report (report),
  clock        TEXT NOT NULL,            -- jp.act.initial | jp.act.final
  sequence     BIGINT NOT NULL,          -- of the awareness it runs from
  pack         TEXT NOT NULL,
  pack_version TEXT NOT NULL,
  pack_digest  TEXT NOT NULL,
  source       TEXT NOT NULL,
  statutory    TEXT,
  shifted      TEXT,
  provisional  BIGINT NOT NULL,          -- the shifted day rests on a holiday not announced yet
  guidance_from TEXT,                    -- for "promptly": guidance, no deadline
  guidance_to  TEXT,
  met_position BIGINT,
  PRIMARY KEY (report, clock, sequence)
);

CREATE TABLE intake_reminder (
  report   TEXT NOT NULL REFERENCES intake_report (report),
  sequence BIGINT NOT NULL,              -- of the awareness
  kind     TEXT NOT NULL,                -- week | day | over
  at       TEXT NOT NULL,
  PRIMARY KEY (report, sequence, kind)
);

CREATE TABLE intake_observable (
  report TEXT NOT NULL REFERENCES intake_report (report),
  kind   TEXT NOT NULL,                  -- STIX type
  value  TEXT NOT NULL,                  -- canonical text
  PRIMARY KEY (report, kind, value)
);
CREATE INDEX intake_observable_value ON intake_observable (value);

CREATE TABLE intake_view (
  position BIGINT PRIMARY KEY,           -- the leaf of the access
  report   TEXT NOT NULL REFERENCES intake_report (report),
  person   TEXT NOT NULL,
  org      TEXT NOT NULL,
  hat      TEXT NOT NULL,
  at       TEXT NOT NULL
);
CREATE INDEX intake_view_report ON intake_view (report, position);
