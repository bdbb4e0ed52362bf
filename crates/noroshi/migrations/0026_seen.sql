-- That a leaf says already who looked at what under pseudonyms: one row for each reader, place and hour.

CREATE TABLE influence_seen (
    person  TEXT NOT NULL,
    hat     TEXT NOT NULL,
    subject TEXT NOT NULL,
    place   TEXT NOT NULL,
    hour    TEXT NOT NULL,
    org     TEXT NOT NULL,
    at      TEXT NOT NULL,
    PRIMARY KEY (person, hat, subject, place, hour)
);
CREATE INDEX influence_seen_at ON influence_seen (at);
