-- What was not in an export when it was last fetched, as JSON: the code of a reason and how many it kept out.
ALTER TABLE share_export ADD COLUMN left_out TEXT NOT NULL DEFAULT '{}';
