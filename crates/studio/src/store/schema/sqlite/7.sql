-- Version 7: videos that remote endpoints make.

ALTER TABLE videos ADD COLUMN remote TEXT; -- its model in kinora.toml; null: made here
-- The idempotency key under which it was asked for there, written before it is sent: with a key and no
-- id nobody knows whether it is made.
ALTER TABLE videos ADD COLUMN remote_key TEXT;
ALTER TABLE videos ADD COLUMN remote_id TEXT; -- its id there
CREATE INDEX videos_of_remote ON videos (remote, state) WHERE remote IS NOT NULL;
