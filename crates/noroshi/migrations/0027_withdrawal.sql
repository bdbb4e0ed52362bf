-- Mandates that do not hold any longer, and certificates that a sensor handed in as void: what was kept under them after
-- that was removed, and nothing of it is used.

CREATE TABLE sift_withdrawal (
  mandate      TEXT PRIMARY KEY,        -- the name of the mandate
  reason       TEXT NOT NULL,
  text         TEXT NOT NULL,           -- with the platform's signature, as the sensor reads it
  withdrawn_by TEXT NOT NULL,
  withdrawn_at TEXT NOT NULL            -- from then on it does not hold
);

CREATE TABLE sift_void (
  digest TEXT PRIMARY KEY               -- of the certificate
);
