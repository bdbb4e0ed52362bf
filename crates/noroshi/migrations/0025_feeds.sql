-- Feeds and sitemaps that a collection reads, and what became of each reading.

CREATE TABLE influence_feed (
    feed          TEXT PRIMARY KEY,
    collection    TEXT NOT NULL REFERENCES influence_collection,
    url           TEXT NOT NULL,
    every_minutes INTEGER NOT NULL,
    -- 'asked', 'refused', 'waiting' (allowed, not read yet), 'ok', 'failed' or 'ended'.
    state         TEXT NOT NULL,
    asked_by      TEXT NOT NULL,
    asked_at      TEXT NOT NULL,
    decided_by    TEXT,
    decided_at    TEXT,
    decision      TEXT,
    ended_at      TEXT,
    ended_why     TEXT,
    -- What the server said of what was read last, so that it sends nothing when nothing is new.
    etag          TEXT,
    modified      TEXT,
    digest        TEXT,
    pulled_at     TEXT,
    due_at        TEXT,
    failures      INTEGER NOT NULL DEFAULT 0,
    UNIQUE (collection, url)
);

CREATE TABLE influence_pull (
    pull       TEXT PRIMARY KEY,
    feed       TEXT NOT NULL REFERENCES influence_feed,
    at         TEXT NOT NULL,
    -- 'new', 'same' or 'failed'.
    outcome    TEXT NOT NULL,
    kind       TEXT,
    documents  INTEGER NOT NULL,
    size       INTEGER NOT NULL,
    entries    INTEGER NOT NULL,
    import     TEXT,
    code       TEXT,
    why        TEXT
);
CREATE INDEX influence_pull_of ON influence_pull (feed, at);
