-- Selection: the certificates that sensors hand in, one unbroken chain a sensor.

CREATE TABLE sift_sensor (
  org    TEXT NOT NULL,
  sensor TEXT NOT NULL,              -- its name within the organisation
  next   BIGINT NOT NULL,            -- number of the certificate that must come next
  last   TEXT NOT NULL,              -- digest of the last one taken
  PRIMARY KEY (org, sensor)
);

CREATE TABLE sift_certificate (
  digest          TEXT PRIMARY KEY,  -- SHA-256 over its canonical JSON; names it
  org             TEXT NOT NULL,
  sensor          TEXT NOT NULL,
  sequence        BIGINT NOT NULL,
  mode            TEXT NOT NULL,
  started_at      TEXT NOT NULL,
  finished_at     TEXT NOT NULL,
  seen            BIGINT NOT NULL,
  kept            BIGINT NOT NULL,
  unmatched       BIGINT NOT NULL,
  direction       BIGINT NOT NULL,
  content         BIGINT NOT NULL,
  errors          BIGINT NOT NULL,
  text            TEXT NOT NULL,     -- the certificate, canonical JSON
  sightings       BIGINT NOT NULL,   -- selectors seen
  into_graph      BIGINT NOT NULL,   -- sightings of indicators written to the graph
  arrived_at      TEXT NOT NULL,
  UNIQUE (org, sensor, sequence)
);
CREATE INDEX sift_certificate_time ON sift_certificate (finished_at, digest);
