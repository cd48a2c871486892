-- Version 1 of the studio's database. Times are milliseconds since 1970, UTC.

-- Append-only: what was asked, also when it was refused. Only rating and note can change.
CREATE TABLE prompts (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    prompt TEXT NOT NULL,
    negative TEXT NOT NULL,
    model TEXT NOT NULL,
    parameters TEXT NOT NULL, -- JSON object
    decision TEXT NOT NULL,   -- "accepted" or the category that refused it
    parent_id TEXT REFERENCES prompts (id),
    rating INTEGER NOT NULL DEFAULT 0 CHECK (rating BETWEEN 0 AND 5),
    note TEXT NOT NULL DEFAULT ''
) STRICT;

-- The queue and the library: one row a clip, the only truth about its state.
CREATE TABLE videos (
    number INTEGER PRIMARY KEY AUTOINCREMENT, -- order of acceptance
    id TEXT NOT NULL UNIQUE,
    prompt_id TEXT NOT NULL REFERENCES prompts (id),
    batch TEXT NOT NULL,      -- id of the first video of the same create
    request TEXT NOT NULL,    -- what the worker runs: JSON of an engine request, seed decided
    recipe TEXT NOT NULL,     -- what it comes to: JSON of an engine recipe
    notes TEXT NOT NULL,      -- JSON array
    remixed_from TEXT,
    idempotency_key TEXT,
    body_hash BLOB,
    created_at INTEGER NOT NULL,
    completed_at INTEGER,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'completed', 'failed')),
    progress INTEGER NOT NULL DEFAULT 0,
    attempt INTEGER NOT NULL DEFAULT 0,
    lease_token TEXT,         -- every write of a worker must carry it
    lease_until INTEGER,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    error_code TEXT,
    error_message TEXT,
    output_key TEXT,          -- file stem under outputs/, set with 'completed' in one transaction
    starred INTEGER NOT NULL DEFAULT 0,
    deleted INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE UNIQUE INDEX videos_idempotency ON videos (idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX videos_waiting ON videos (state, number);
CREATE INDEX videos_batch ON videos (batch);
CREATE INDEX videos_prompt ON videos (prompt_id);

-- What event listeners replay.
CREATE TABLE events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    video_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL -- JSON
) STRICT;

CREATE INDEX events_of_video ON events (video_id, number);
