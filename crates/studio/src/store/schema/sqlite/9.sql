-- Version 9: buckets.

-- Where the studio keeps finished files, as its configuration has it; empty: in its data folder.
ALTER TABLE queue ADD COLUMN storage TEXT NOT NULL DEFAULT '';
