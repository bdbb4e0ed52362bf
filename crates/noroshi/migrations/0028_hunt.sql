-- A sensor has as many records of hunts as it begins; each is an unbroken chain of its own, named by the digest of its first
-- entry.

CREATE TABLE hunt_record (
  org    TEXT NOT NULL,
  sensor TEXT NOT NULL,              -- its name within the organisation
  record TEXT NOT NULL,              -- digest of the first entry
  name   TEXT NOT NULL,              -- under which it stands in the log, within the organisation
  next   BIGINT NOT NULL,            -- number of the entry that must come next
  last   TEXT NOT NULL,              -- digest of the last one taken
  PRIMARY KEY (org, sensor, record)
);
-- Until now a sensor had one record, which stands in the log under the sensor's name.
INSERT INTO hunt_record (org, sensor, record, name, next, last)
  SELECT s.org, s.sensor, e.digest, s.sensor, s.next, s.last FROM hunt_sensor s
  JOIN hunt_entry e ON e.org = s.org AND e.sensor = s.sensor AND e.sequence = 0;
DROP TABLE hunt_sensor;

ALTER TABLE hunt_entry RENAME TO hunt_entry_before;
CREATE TABLE hunt_entry (
  digest     TEXT PRIMARY KEY,       -- SHA-256 over its canonical JSON without the signature; names it
  org        TEXT NOT NULL,
  sensor     TEXT NOT NULL,
  record     TEXT NOT NULL,          -- digest of the first entry of its record
  sequence   BIGINT NOT NULL,
  hunt       TEXT NOT NULL,          -- selectors, question, beacons, first-seen; ended
  case_name  TEXT,                   -- the case it belongs to, where one was said
  made_at    TEXT NOT NULL,
  text       TEXT NOT NULL,          -- the entry, canonical JSON
  into_graph BIGINT NOT NULL,        -- sightings of indicators written to the graph
  arrived_at TEXT NOT NULL,
  UNIQUE (org, sensor, record, sequence)
);
INSERT INTO hunt_entry (digest, org, sensor, record, sequence, hunt, case_name, made_at, text, into_graph, arrived_at)
  SELECT e.digest, e.org, e.sensor, r.record, e.sequence, e.hunt, e.case_name, e.made_at, e.text, e.into_graph, e.arrived_at
  FROM hunt_entry_before e JOIN hunt_record r ON r.org = e.org AND r.sensor = e.sensor;
DROP TABLE hunt_entry_before;
CREATE INDEX hunt_entry_case ON hunt_entry (case_name, made_at);
