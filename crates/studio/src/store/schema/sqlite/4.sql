-- Version 4: API keys, tiers, and waiting clips that age.

CREATE TABLE keys (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE, -- SHA-256 of the key, which itself is kept nowhere
    tier TEXT NOT NULL CHECK (tier IN ('standard', 'pro')), -- the highest that it may ask for
    max_queued INTEGER CHECK (max_queued >= 0), -- unfinished videos at most; null: as configured
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

ALTER TABLE videos ADD COLUMN key_id TEXT REFERENCES keys (id); -- null: accepted without a key
ALTER TABLE videos ADD COLUMN tier TEXT NOT NULL DEFAULT 'standard'
    CHECK (tier IN ('standard', 'pro'));

-- Waiting videos are made lane by lane, 0 first, and by place within a lane. Those of lane 1 go to
-- lane 0 when they have waited long enough. Within lane 1 waits_since never falls along the places,
-- so that aging does not overtake an order that the user gave.
ALTER TABLE videos ADD COLUMN lane INTEGER NOT NULL DEFAULT 1;
ALTER TABLE videos ADD COLUMN waits_since INTEGER NOT NULL DEFAULT 0;
UPDATE videos SET waits_since = unixepoch() * 1000;
DROP INDEX videos_waiting;
CREATE INDEX videos_waiting ON videos (state, lane, place);
CREATE INDEX videos_of_key ON videos (key_id, state) WHERE key_id IS NOT NULL;
