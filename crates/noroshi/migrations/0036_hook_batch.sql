-- The batch a webhook was sent and has not answered yet: its name and its end, kept before it is sent.
ALTER TABLE share_hook ADD COLUMN batch TEXT;
