-- Version 5: webhooks.

CREATE TABLE webhook_endpoints (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    event_types TEXT NOT NULL,              -- JSON array
    secret TEXT NOT NULL,                   -- signs, so it cannot be kept as a hash
    configured INTEGER NOT NULL DEFAULT 0,  -- stands in kinora.toml
    deleted INTEGER NOT NULL DEFAULT 0
) STRICT;

-- One row an event and endpoint, written in the transaction that ends the video.
CREATE TABLE webhook_deliveries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint_id TEXT NOT NULL REFERENCES webhook_endpoints (id),
    event_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'given_up')),
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER NOT NULL,
    status_code INTEGER,                    -- of the last answer
    error TEXT                              -- of the last try
) STRICT;

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_of ON webhook_deliveries (endpoint_id, number);
