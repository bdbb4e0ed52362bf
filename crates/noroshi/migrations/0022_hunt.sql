-- Hunts: the entries of the records of hunts that sensors hand in, one unbroken chain a sensor.

CREATE TABLE hunt_sensor (
  org    TEXT NOT NULL,
  sensor TEXT NOT NULL,              -- its name within the organisation
  next   BIGINT NOT NULL,            -- number of the entry that must come next
  last   TEXT NOT NULL,              -- digest of the last one taken
  PRIMARY KEY (org, sensor)
);

CREATE TABLE hunt_entry (
  digest     TEXT PRIMARY KEY,       -- SHA-256 over its canonical JSON without the signature; names it
  org        TEXT NOT NULL,
  sensor     TEXT NOT NULL,
  sequence   BIGINT NOT NULL,
  hunt       TEXT NOT NULL,          -- selectors, question, beacons, first-seen; ended
  case_name  TEXT,                   -- the case it belongs to, where one was said
  made_at    TEXT NOT NULL,
  text       TEXT NOT NULL,          -- the entry, canonical JSON
  into_graph BIGINT NOT NULL,        -- sightings of indicators written to the graph
  arrived_at TEXT NOT NULL,
  UNIQUE (org, sensor, sequence)
);
CREATE INDEX hunt_entry_case ON hunt_entry (case_name, made_at);
