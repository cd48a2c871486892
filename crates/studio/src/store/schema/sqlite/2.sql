-- Version 2: an order of the queue that can be changed, a pause, tries that can be granted again.

-- Waiting videos are made by ascending place; ties by number.
ALTER TABLE videos ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
UPDATE videos SET place = number;
DROP INDEX videos_waiting;
CREATE INDEX videos_waiting ON videos (state, place);

-- A retry by the user grants three more.
ALTER TABLE videos ADD COLUMN most_attempts INTEGER NOT NULL DEFAULT 3;

-- One row: what holds for the queue as a whole.
CREATE TABLE queue (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    paused INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1))
) STRICT;
INSERT INTO queue (id) VALUES (1);
