-- Version 3: storyboards.

CREATE TABLE storyboards (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    revision INTEGER NOT NULL DEFAULT 1, -- grows with every change: who changes names the one it saw
    title TEXT NOT NULL,
    shot_count INTEGER NOT NULL,
    document TEXT NOT NULL               -- JSON: settings and shots
) STRICT;
