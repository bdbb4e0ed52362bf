-- What the law opens for selection: commencement, prefix tables, mandates; who the sensors are; what was deleted; who asked
-- what a pseudonym stands for.

CREATE TABLE sift_commencement (
  id                 TEXT PRIMARY KEY,
  mode               TEXT NOT NULL,
  from_at            TEXT NOT NULL,     -- in force from
  basis              TEXT NOT NULL,
  period_days_max    BIGINT NOT NULL,
  retention_days_max BIGINT NOT NULL,
  entered_by         TEXT NOT NULL,
  entered_at         TEXT NOT NULL
);
CREATE INDEX sift_commencement_mode ON sift_commencement (mode, entered_at);

CREATE TABLE sift_prefix_table (
  digest     TEXT PRIMARY KEY,          -- SHA-256 over the file
  name       TEXT NOT NULL,
  version    TEXT NOT NULL,
  date       TEXT NOT NULL,
  text       TEXT NOT NULL,             -- the file
  entered_by TEXT NOT NULL,
  entered_at TEXT NOT NULL,
  UNIQUE (name, version)
);

CREATE TABLE sift_enrolment (
  digest     TEXT PRIMARY KEY,          -- of the one-time token
  org        TEXT NOT NULL,
  sensor     TEXT NOT NULL,
  offered_by TEXT NOT NULL,
  offered_at TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  used_at    TEXT
);

-- The key of a sensor. A sensor that has one signs every certificate with it.
CREATE TABLE sift_key (
  org         TEXT NOT NULL,
  sensor      TEXT NOT NULL,
  key         TEXT NOT NULL UNIQUE,     -- Ed25519, hexadecimal
  person      TEXT NOT NULL,            -- the login under which it submits
  enrolled_at TEXT NOT NULL,
  PRIMARY KEY (org, sensor)
);

CREATE TABLE sift_mandate (
  id         TEXT PRIMARY KEY,
  digest     TEXT NOT NULL UNIQUE,      -- SHA-256 over the canonical JSON without the signature
  org        TEXT NOT NULL,
  sensor     TEXT NOT NULL,
  mode       TEXT NOT NULL,
  measure    TEXT NOT NULL,
  not_before TEXT NOT NULL,
  not_after  TEXT NOT NULL,
  text       TEXT NOT NULL,             -- with the platform's signature, as the sensor reads it
  issued_by  TEXT NOT NULL,
  issued_at  TEXT NOT NULL
);
CREATE INDEX sift_mandate_sensor ON sift_mandate (org, sensor, issued_at);

CREATE TABLE sift_deletion (
  digest     TEXT PRIMARY KEY,
  org        TEXT NOT NULL,
  sensor     TEXT NOT NULL,
  sequence   BIGINT NOT NULL,
  deleted_at TEXT NOT NULL,
  files      BIGINT NOT NULL,
  rows       BIGINT NOT NULL,
  text       TEXT NOT NULL,
  arrived_at TEXT NOT NULL,
  UNIQUE (org, sensor, sequence)
);

-- Pseudonyms: the keys lie in files apart from the store (DATA/keys/pseudonyms), one for each purpose and epoch.
CREATE TABLE sift_epoch (
  purpose      TEXT NOT NULL,
  epoch        TEXT NOT NULL,
  made_at      TEXT NOT NULL,
  destroyed_at TEXT,                    -- from then on nobody can go back
  PRIMARY KEY (purpose, epoch)
);

CREATE TABLE sift_pseudonym (
  pseudonym TEXT PRIMARY KEY,
  purpose   TEXT NOT NULL,
  epoch     TEXT NOT NULL,
  sealed    TEXT NOT NULL,              -- what it stands for, sealed under the key of the epoch
  made_at   TEXT NOT NULL
);

CREATE TABLE sift_reveal (
  id         TEXT PRIMARY KEY,
  pseudonym  TEXT NOT NULL,
  purpose    TEXT NOT NULL,             -- what for, in words
  case_name  TEXT NOT NULL,
  asked_by   TEXT NOT NULL,
  asked_at   TEXT NOT NULL,
  decided_by TEXT,
  decided_at TEXT,
  allowed    BIGINT,
  read_at    TEXT                       -- it is handed out once
);
