-- The studio's database on a server, as layout 8 of the file has it: the same names, flags as 0 and 1,
-- documents as text, times in milliseconds since 1970, UTC. What differs is how rows are numbered, and
-- that tables tell other processes of changes.

CREATE TABLE keys (
    number BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    hash BYTEA NOT NULL UNIQUE, -- SHA-256 of the key, which itself is kept nowhere
    tier TEXT NOT NULL CHECK (tier IN ('standard', 'pro')), -- the highest that it may ask for
    max_queued BIGINT CHECK (max_queued >= 0), -- unfinished videos at most; null: as configured
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);

-- Append-only: what was asked, also when it was refused. Only rating and note can change.
CREATE TABLE prompts (
    number BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    id TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    prompt TEXT NOT NULL,
    negative TEXT NOT NULL,
    model TEXT NOT NULL,
    parameters TEXT NOT NULL, -- JSON object
    decision TEXT NOT NULL,   -- "accepted" or the category that refused it
    warning TEXT,             -- the category that it was accepted with; null: none
    parent_id TEXT REFERENCES prompts (id),
    rating BIGINT NOT NULL DEFAULT 0 CHECK (rating BETWEEN 0 AND 5),
    note TEXT NOT NULL DEFAULT ''
);

-- The queue and the library: one row a clip, the only truth about its state.
CREATE TABLE videos (
    number BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY, -- order of acceptance
    id TEXT NOT NULL UNIQUE,
    prompt_id TEXT NOT NULL REFERENCES prompts (id),
    batch TEXT NOT NULL,      -- id of the first video of the same create
    request TEXT NOT NULL,    -- what the worker runs: JSON of an engine request, seed decided
    recipe TEXT NOT NULL,     -- what it comes to: JSON of an engine recipe
    notes TEXT NOT NULL,      -- JSON array
    remixed_from TEXT,
    input_image TEXT,         -- SHA-256 of a file in the inputs folder
    input_clip TEXT,
    idempotency_key TEXT,
    body_hash BYTEA,
    key_id TEXT REFERENCES keys (id), -- null: accepted without a key
    tier TEXT NOT NULL DEFAULT 'standard' CHECK (tier IN ('standard', 'pro')),
    remote TEXT,              -- its model in kinora.toml; null: made here
    remote_key TEXT,          -- under which it was asked for there, written before it is sent
    remote_id TEXT,           -- its id there
    created_at BIGINT NOT NULL,
    completed_at BIGINT,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'completed', 'failed')),
    lane BIGINT NOT NULL DEFAULT 1,        -- waiting videos are made lane by lane
    place BIGINT NOT NULL DEFAULT 0,       -- and by place within a lane; ties by number
    waits_since BIGINT NOT NULL DEFAULT 0, -- within lane 1 it never falls along the places
    progress BIGINT NOT NULL DEFAULT 0,
    attempt BIGINT NOT NULL DEFAULT 0,
    most_attempts BIGINT NOT NULL DEFAULT 3,
    lease_token TEXT,         -- every write of a worker must carry it
    lease_until BIGINT,       -- changes with every heartbeat
    cancel_requested BIGINT NOT NULL DEFAULT 0,
    error_code TEXT,
    error_message TEXT,
    output_key TEXT,          -- file stem under outputs/, set with 'completed' in one transaction
    adherence TEXT,           -- JSON; null: not measured
    starred BIGINT NOT NULL DEFAULT 0,
    deleted BIGINT NOT NULL DEFAULT 0
);

CREATE UNIQUE INDEX videos_idempotency ON videos (idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX videos_waiting ON videos (state, lane, place);
CREATE INDEX videos_batch ON videos (batch);
CREATE INDEX videos_prompt ON videos (prompt_id);
CREATE INDEX videos_of_key ON videos (key_id, state) WHERE key_id IS NOT NULL;
CREATE INDEX videos_of_image ON videos (input_image) WHERE input_image IS NOT NULL;
CREATE INDEX videos_of_clip ON videos (input_clip) WHERE input_clip IS NOT NULL;
CREATE INDEX videos_of_remote ON videos (remote, state) WHERE remote IS NOT NULL;

-- What event listeners replay.
CREATE TABLE events (
    number BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    video_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL -- JSON
);

CREATE INDEX events_of_video ON events (video_id, number);

-- One row: what holds for the queue as a whole. Who decides by what stands in the queue locks it.
CREATE TABLE queue (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    paused BIGINT NOT NULL DEFAULT 0 CHECK (paused IN (0, 1))
);
INSERT INTO queue (id) VALUES (1);

CREATE TABLE storyboards (
    number BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    id TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    revision BIGINT NOT NULL DEFAULT 1, -- grows with every change: who changes names the one it saw
    title TEXT NOT NULL,
    shot_count BIGINT NOT NULL,
    document TEXT NOT NULL              -- JSON: settings and shots
);

CREATE TABLE webhook_endpoints (
    number BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    id TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    event_types TEXT NOT NULL,            -- JSON array
    secret TEXT NOT NULL,                 -- signs, so it cannot be kept as a hash
    configured BIGINT NOT NULL DEFAULT 0, -- stands in kinora.toml
    deleted BIGINT NOT NULL DEFAULT 0
);

-- One row an event and endpoint, written in the transaction that ends the video.
CREATE TABLE webhook_deliveries (
    number BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    endpoint_id TEXT NOT NULL REFERENCES webhook_endpoints (id),
    event_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'given_up')),
    attempts BIGINT NOT NULL DEFAULT 0,
    next_at BIGINT NOT NULL,
    status_code BIGINT,                   -- of the last answer
    error TEXT                            -- of the last try
);

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_of ON webhook_deliveries (endpoint_id, number);

-- Tells every process that listens, once the change holds: what the channel `kinora` says is read in
-- news.rs. A heartbeat changes none of these columns.
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('kinora', TG_ARGV[0]);
    RETURN NULL;
END
$$;

CREATE FUNCTION tell_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('kinora', concat_ws(' ', NEW.kind, NEW.number, NEW.video_id));
    RETURN NULL;
END
$$;

CREATE TRIGGER tell_queue AFTER INSERT OR UPDATE OF state ON videos
    FOR EACH ROW EXECUTE FUNCTION tell('queue');
CREATE TRIGGER tell_pause AFTER UPDATE ON queue
    FOR EACH ROW EXECUTE FUNCTION tell('queue');
CREATE TRIGGER tell_cancel AFTER UPDATE OF cancel_requested ON videos
    FOR EACH ROW WHEN (NEW.cancel_requested = 1) EXECUTE FUNCTION tell('cancel');
CREATE TRIGGER tell_event AFTER INSERT ON events
    FOR EACH ROW EXECUTE FUNCTION tell_event();
