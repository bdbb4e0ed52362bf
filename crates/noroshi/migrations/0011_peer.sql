-- Other servers this office reads from and hands to. How they are reached stands in the configuration.

CREATE TABLE share_peer (
  peer       TEXT PRIMARY KEY,       -- its name in the configuration
  direction  TEXT NOT NULL,          -- pull | push
  org        TEXT NOT NULL,          -- whose objects they are (pull), who receives (push)
  state      TEXT NOT NULL,          -- on | paused
  generation BIGINT NOT NULL,        -- grows with each start, pause and wake: a job of an older one does nothing
  version    BIGINT NOT NULL,        -- grows with each page
  tlp        TEXT,                   -- least marking of what comes in
  class      TEXT NOT NULL,          -- legal class of what comes in
  minutes    BIGINT NOT NULL,        -- between two walks
  cursor     TEXT NOT NULL,          -- where the walk stands, JSON
  person     TEXT NOT NULL,          -- who switched it on, and under which hat
  acting_org TEXT NOT NULL,
  hat        TEXT NOT NULL,
  taken      BIGINT NOT NULL DEFAULT 0, -- objects that were new
  known      BIGINT NOT NULL DEFAULT 0, -- objects that were held already
  aside      BIGINT NOT NULL DEFAULT 0, -- objects that were put aside, with their reason
  failures   BIGINT NOT NULL DEFAULT 0, -- in a row
  error_code TEXT,
  error      TEXT,
  tried_at   TEXT,
  ok_at      TEXT,
  current_at TEXT,                   -- when the last walk reached its end
  due_at     TEXT
);

-- Objects a peer did not take, with its reason; kept for a person to look at.
CREATE TABLE share_peer_refused (
  peer    TEXT NOT NULL REFERENCES share_peer (peer),
  id      TEXT NOT NULL,
  version TEXT NOT NULL,
  message TEXT NOT NULL,
  at      TEXT NOT NULL,
  PRIMARY KEY (peer, id, version)
);

-- Webhooks: the change stream carried to an address. The secret lies in a file beside the house's keys.
CREATE TABLE share_hook (
  hook       TEXT PRIMARY KEY,
  org        TEXT NOT NULL,
  url        TEXT NOT NULL,
  types      TEXT NOT NULL,          -- JSON list; empty for all
  state      TEXT NOT NULL,          -- on | behind | ended
  cursor     TEXT NOT NULL,          -- how far it got, signed like a reader's
  version    BIGINT NOT NULL,
  person     TEXT NOT NULL,
  hat        TEXT NOT NULL,
  sent       BIGINT NOT NULL DEFAULT 0,
  failures   BIGINT NOT NULL DEFAULT 0,
  error      TEXT,
  due_at     TEXT,
  created_at TEXT NOT NULL
);
CREATE INDEX share_hook_org ON share_hook (org, hook);
