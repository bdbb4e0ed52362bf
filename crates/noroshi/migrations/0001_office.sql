-- The office: who acts, what was done, what must still happen.

CREATE TABLE office_leaf (
  position INTEGER PRIMARY KEY,      -- index in the log, from 0 without gaps
  bytes    BLOB NOT NULL             -- the leaf as it stands in the log
);

CREATE TABLE office_audit (
  position INTEGER PRIMARY KEY REFERENCES office_leaf (position),
  at       TEXT NOT NULL,
  person   TEXT NOT NULL,
  hat      TEXT NOT NULL,
  org      TEXT NOT NULL,
  command  TEXT NOT NULL,
  subject  TEXT NOT NULL,
  salt     BLOB NOT NULL,            -- opens the leaf's commitment together with payload
  payload  TEXT NOT NULL
);
CREATE INDEX office_audit_subject ON office_audit (subject, position);

CREATE TABLE office_outbox (
  job      INTEGER PRIMARY KEY,
  position BIGINT NOT NULL,          -- the leaf that asked for it
  kind     TEXT NOT NULL,
  subject  TEXT NOT NULL,
  payload  TEXT NOT NULL,
  due_at   TEXT NOT NULL,
  attempts BIGINT NOT NULL DEFAULT 0,
  state    TEXT NOT NULL DEFAULT 'open',   -- open | done | failed
  note     TEXT
);
CREATE INDEX office_outbox_due ON office_outbox (state, due_at);

CREATE TABLE office_org (
  org     TEXT PRIMARY KEY,
  name_ja TEXT NOT NULL,
  name_en TEXT NOT NULL,
  kind    TEXT NOT NULL,             -- office | ministry | operator | police | defence | commission | diet | partner
  sector  TEXT                       -- sector code for operators and ministries
);

CREATE TABLE office_person (
  person   TEXT PRIMARY KEY,
  login    TEXT NOT NULL UNIQUE,
  name     TEXT NOT NULL,
  password TEXT,                     -- PHC string, argon2id
  lang     TEXT NOT NULL DEFAULT 'ja',
  theme    TEXT NOT NULL DEFAULT 'system',
  created_at  TEXT NOT NULL,
  disabled_at TEXT,
  failures    BIGINT NOT NULL DEFAULT 0,   -- wrong passwords in a row
  locked_until TEXT
);

CREATE TABLE office_hat (
  person TEXT NOT NULL REFERENCES office_person (person),
  org    TEXT NOT NULL REFERENCES office_org (org),
  hat    TEXT NOT NULL,
  PRIMARY KEY (person, org, hat)
);

CREATE TABLE office_session (
  digest     TEXT PRIMARY KEY,       -- SHA-256 of the cookie's secret
  person     TEXT NOT NULL REFERENCES office_person (person),
  org        TEXT NOT NULL,
  hat        TEXT NOT NULL,
  csrf       TEXT NOT NULL,
  created_at TEXT NOT NULL,
  expires_at TEXT NOT NULL
);

CREATE TABLE office_token (
  digest     TEXT PRIMARY KEY,       -- SHA-256 of the bearer secret
  label      TEXT NOT NULL,
  person     TEXT NOT NULL REFERENCES office_person (person),
  org        TEXT NOT NULL,
  hat        TEXT NOT NULL,
  created_at TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  revoked_at TEXT
);

CREATE TABLE office_passkey (
  credential TEXT PRIMARY KEY,       -- base64url credential id
  person     TEXT NOT NULL REFERENCES office_person (person),
  label      TEXT NOT NULL,
  user_handle BLOB NOT NULL,
  static_state  BLOB NOT NULL,
  dynamic_state BLOB NOT NULL,
  created_at TEXT NOT NULL
);
CREATE INDEX office_passkey_person ON office_passkey (person);

CREATE TABLE office_invitation (
  digest     TEXT PRIMARY KEY,       -- SHA-256 of the one-time secret in the invitation's address
  person     TEXT NOT NULL REFERENCES office_person (person),
  created_at TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  used_at    TEXT
);
CREATE INDEX office_invitation_person ON office_invitation (person);

CREATE TABLE office_setup (
  digest     TEXT PRIMARY KEY,       -- SHA-256 of the one-time set-up token
  created_at TEXT NOT NULL,
  used_at    TEXT
);

CREATE INDEX office_session_person ON office_session (person);
CREATE INDEX office_token_person ON office_token (person);

CREATE TABLE office_idempotency (
  org        TEXT NOT NULL,
  key        TEXT NOT NULL,
  request    TEXT NOT NULL,          -- SHA-256 of method, path and body
  subject    TEXT NOT NULL,          -- what the first call made; a repeat is answered by reading it
  position   BIGINT NOT NULL,
  created_at TEXT NOT NULL,
  PRIMARY KEY (org, key)
);
