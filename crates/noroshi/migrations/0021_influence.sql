-- The influence pillar. Posts lie in a file of their own for each collection; here stands what was decided about them.

CREATE TABLE influence_collection (
    collection   TEXT PRIMARY KEY,
    title        TEXT NOT NULL,
    purpose      TEXT NOT NULL,
    legal_basis  TEXT NOT NULL,
    from_at      TEXT NOT NULL,
    until_at     TEXT NOT NULL,
    volume_max   INTEGER NOT NULL,
    post_days    INTEGER NOT NULL,
    text_days    INTEGER NOT NULL,
    watch_days   INTEGER NOT NULL,
    seeds        TEXT NOT NULL,
    requester    TEXT NOT NULL,
    org          TEXT NOT NULL,
    hat          TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    decided_by   TEXT,
    decided_at   TEXT,
    allowed      INTEGER,
    decision     TEXT,
    stopped_at   TEXT,
    stop_reason  TEXT,
    -- Posts ever taken in: deleting makes no room for more.
    taken        INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE influence_import (
    number      INTEGER PRIMARY KEY,
    import      TEXT NOT NULL UNIQUE,
    collection  TEXT NOT NULL REFERENCES influence_collection,
    name        TEXT NOT NULL,
    digest      TEXT NOT NULL,
    size        INTEGER NOT NULL,
    mapping     TEXT,
    state       TEXT NOT NULL,
    person      TEXT NOT NULL,
    org         TEXT NOT NULL,
    hat         TEXT NOT NULL,
    at          TEXT NOT NULL,
    done_at     TEXT,
    summary     TEXT
);
CREATE INDEX influence_import_of ON influence_import (collection, number);

-- What was deleted because it was over: counts, and the leaf that says so.
CREATE TABLE influence_purge (
    purge      TEXT PRIMARY KEY,
    collection TEXT NOT NULL,
    at         TEXT NOT NULL,
    posts      INTEGER NOT NULL,
    texts      INTEGER NOT NULL,
    accounts   INTEGER NOT NULL,
    watched    INTEGER NOT NULL
);
CREATE INDEX influence_purge_of ON influence_purge (collection, at);

-- Handles that were asked for.
CREATE TABLE influence_opening (
    opening    TEXT PRIMARY KEY,
    collection TEXT NOT NULL,
    account    TEXT NOT NULL,
    reason     TEXT NOT NULL,
    incident   TEXT NOT NULL,
    asked_by   TEXT NOT NULL,
    asked_at   TEXT NOT NULL,
    decided_by TEXT,
    decided_at TEXT,
    allowed    INTEGER,
    read_at    TEXT
);

CREATE TABLE influence_declared (
    entry      TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    name       TEXT NOT NULL,
    evidence   TEXT NOT NULL,
    collection TEXT NOT NULL,
    accounts   TEXT NOT NULL,
    entered_by TEXT NOT NULL,
    entered_at TEXT NOT NULL,
    ended_at   TEXT
);

-- Names of parties, candidates, unions and religious bodies that are no seed alone.
CREATE TABLE influence_name (
    name       TEXT PRIMARY KEY,
    entered_by TEXT NOT NULL,
    entered_at TEXT NOT NULL
);

CREATE TABLE influence_election (
    election   TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    basis      TEXT NOT NULL,
    from_at    TEXT NOT NULL,
    until_at   TEXT NOT NULL,
    entered_by TEXT NOT NULL,
    entered_at TEXT NOT NULL
);

CREATE TABLE influence_run (
    run        TEXT PRIMARY KEY,
    collection TEXT NOT NULL,
    engine     TEXT NOT NULL,
    parameters TEXT NOT NULL,
    digest     TEXT NOT NULL,
    input      TEXT,
    state      TEXT NOT NULL,
    person     TEXT NOT NULL,
    org        TEXT NOT NULL,
    hat        TEXT NOT NULL,
    at         TEXT NOT NULL,
    done_at    TEXT,
    summary    TEXT
);
CREATE INDEX influence_run_of ON influence_run (collection, at);

-- What two people say of a group: the first proposes, the second confirms.
CREATE TABLE influence_review (
    review     TEXT PRIMARY KEY,
    run        TEXT NOT NULL,
    group_no   INTEGER NOT NULL,
    families   TEXT NOT NULL,
    basis      TEXT NOT NULL,
    first_by   TEXT NOT NULL,
    first_hat  TEXT NOT NULL,
    first_at   TEXT NOT NULL,
    second_by  TEXT,
    second_hat TEXT,
    second_at  TEXT
);
CREATE INDEX influence_review_of ON influence_review (run, group_no);

CREATE TABLE influence_incident (
    incident   TEXT PRIMARY KEY,
    title      TEXT NOT NULL,
    state      TEXT NOT NULL,
    version    INTEGER NOT NULL,
    tlp        TEXT NOT NULL,
    legal_hold INTEGER NOT NULL DEFAULT 0,
    org        TEXT NOT NULL,
    created_at TEXT NOT NULL
);

-- Everything a case is made of, one entry each: added, ended with a reason, never changed.
CREATE TABLE influence_part (
    part      TEXT PRIMARY KEY,
    incident  TEXT NOT NULL REFERENCES influence_incident,
    kind      TEXT NOT NULL,
    body      TEXT NOT NULL,
    person    TEXT NOT NULL,
    org       TEXT NOT NULL,
    hat       TEXT NOT NULL,
    at        TEXT NOT NULL,
    ended_at  TEXT,
    ended_why TEXT
);
CREATE INDEX influence_part_of ON influence_part (incident, at, part);

CREATE TABLE influence_step (
    step     TEXT PRIMARY KEY,
    incident TEXT NOT NULL REFERENCES influence_incident,
    from_state TEXT NOT NULL,
    to_state TEXT NOT NULL,
    reason   TEXT NOT NULL,
    person   TEXT NOT NULL,
    org      TEXT NOT NULL,
    hat      TEXT NOT NULL,
    at       TEXT NOT NULL
);
CREATE INDEX influence_step_of ON influence_step (incident, at, step);

-- Words of the panel on exactly one text of a notice.
CREATE TABLE influence_vote (
    vote     TEXT PRIMARY KEY,
    incident TEXT NOT NULL REFERENCES influence_incident,
    notice   TEXT NOT NULL,
    person   TEXT NOT NULL,
    hat      TEXT NOT NULL,
    agrees   INTEGER NOT NULL,
    reason   TEXT NOT NULL,
    at       TEXT NOT NULL
);
CREATE INDEX influence_vote_of ON influence_vote (incident, at, vote);
