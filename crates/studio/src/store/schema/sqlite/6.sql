-- Version 6: what a clip was measured to show, and the files that it begins with.

ALTER TABLE videos ADD COLUMN adherence TEXT; -- JSON; null: not measured
-- SHA-256 of a file in the inputs folder.
ALTER TABLE videos ADD COLUMN input_image TEXT;
ALTER TABLE videos ADD COLUMN input_clip TEXT;
CREATE INDEX videos_of_image ON videos (input_image) WHERE input_image IS NOT NULL;
CREATE INDEX videos_of_clip ON videos (input_clip) WHERE input_clip IS NOT NULL;
