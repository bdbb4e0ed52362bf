-- Measures: asked for, decided by the commission, carried out at consenting operators, ended, reported.

CREATE TABLE response_consent (
  consent      TEXT PRIMARY KEY,
  org          TEXT NOT NULL,          -- the operator whose network it is
  person       TEXT NOT NULL,          -- the officer who consented
  actuator     TEXT NOT NULL,
  actions      TEXT NOT NULL,          -- JSON array
  assets       TEXT NOT NULL,
  created_at   TEXT NOT NULL,
  expires_at   TEXT NOT NULL,
  withdrawn_at TEXT
);
CREATE INDEX response_consent_actuator ON response_consent (actuator, expires_at);

CREATE TABLE response_measure (
  measure    TEXT PRIMARY KEY,
  case_id    TEXT NOT NULL,
  requester  TEXT NOT NULL,
  org        TEXT NOT NULL,
  kind       TEXT NOT NULL,            -- defensive | legal-order
  state      TEXT NOT NULL,            -- requested questioned deciding approved refused executing active rolling_back ended
  version    BIGINT NOT NULL,          -- grows with every change; guards races
  edition    BIGINT NOT NULL,          -- which text is in force
  request    TEXT NOT NULL,            -- digest of the text in force
  not_before TEXT NOT NULL,
  not_after  TEXT NOT NULL,
  created_at TEXT NOT NULL,
  decided_at TEXT,
  position   BIGINT,                   -- leaf of the decision
  authorisation_digest TEXT,
  authorisation TEXT,                  -- DSSE envelope
  executor   TEXT,
  executed_at TEXT,
  rollback_reason TEXT,
  report     TEXT,
  reported_at TEXT
);
CREATE INDEX response_measure_state ON response_measure (state, not_before);

CREATE TABLE response_edition (
  measure    TEXT NOT NULL REFERENCES response_measure (measure),
  edition    BIGINT NOT NULL,
  request    TEXT NOT NULL,
  body       TEXT NOT NULL,            -- what was asked, JSON
  plan       TEXT NOT NULL,            -- what would be done, JSON
  playbook   TEXT,                     -- CACAO 2.0, JSON; none for a legal order
  created_at TEXT NOT NULL,
  PRIMARY KEY (measure, edition)
);

CREATE TABLE response_question (
  question    TEXT PRIMARY KEY,
  measure     TEXT NOT NULL REFERENCES response_measure (measure),
  request     TEXT NOT NULL,
  member      TEXT NOT NULL,
  text        TEXT NOT NULL,
  asked_at    TEXT NOT NULL,
  answer      TEXT,
  answered_at TEXT
);
CREATE INDEX response_question_measure ON response_question (measure, asked_at);

CREATE TABLE response_vote (
  measure    TEXT NOT NULL REFERENCES response_measure (measure),
  request    TEXT NOT NULL,
  member     TEXT NOT NULL,
  choice     TEXT NOT NULL,            -- approve | refuse
  reasons    TEXT NOT NULL,
  conditions TEXT NOT NULL,            -- JSON array
  voted_at   TEXT NOT NULL,
  PRIMARY KEY (measure, request, member)
);

CREATE TABLE response_effect (
  measure    TEXT NOT NULL REFERENCES response_measure (measure),
  effect     TEXT NOT NULL,
  step       TEXT NOT NULL,            -- action step of the playbook
  actuator   TEXT NOT NULL,
  org        TEXT NOT NULL,
  action     TEXT NOT NULL,
  target     TEXT NOT NULL,
  state      TEXT NOT NULL,            -- planned begun active failed expired rolled_back cancelled
  begun_at   TEXT,
  applied_at TEXT,
  expires_at TEXT,
  ended_at   TEXT,
  readback   TEXT,
  note       TEXT,
  PRIMARY KEY (measure, effect)
);
