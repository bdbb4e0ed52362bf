-- Where an identifier and a value are found, in two parts of one tree (O'Neil, Cheng, Gawlick, O'Neil 1996, "The
-- log-structured merge-tree"): what came lately lies together under its number as it is (fresh, not negative), what has
-- been moved to its place under the complement (settled, negative). A large import changes the few pages of the fresh part
-- instead of one page for each number, and moves on one slice of all numbers with each commit. Who looks a number up asks
-- for both: slot IN (fresh(text), settled(text)).
-- INVARIANT: of one number, whatever is fresh came after whatever is settled, so that ORDER BY slot, seq is that of arrival.
CREATE TABLE evidence_slot (
  slot BIGINT NOT NULL,
  node BIGINT NOT NULL,
  PRIMARY KEY (slot, node)
) WITHOUT ROWID;
INSERT INTO evidence_slot (slot, node) SELECT settled(id), node FROM evidence_node ORDER BY settled(id), node;
DROP INDEX evidence_node_slot;
ALTER TABLE evidence_node DROP COLUMN slot;

-- What is called how: a node by the number of its identifier.
CREATE VIEW evidence_id AS
  SELECT s.slot AS slot, n.node AS node, n.id AS id FROM evidence_slot s JOIN evidence_node n ON n.node = s.node;

CREATE TABLE evidence_named_by (
  slot BIGINT NOT NULL,
  seq  BIGINT NOT NULL,
  PRIMARY KEY (slot, seq)
) WITHOUT ROWID;
INSERT OR IGNORE INTO evidence_named_by (slot, seq)
  SELECT settled(value), seq FROM evidence_naming ORDER BY settled(value), seq;
DROP TABLE evidence_posting;
ALTER TABLE evidence_named_by RENAME TO evidence_posting;

-- Which of the slices is moved on next.
CREATE TABLE evidence_settling (slice BIGINT NOT NULL);
INSERT INTO evidence_settling (slice) VALUES (0);
