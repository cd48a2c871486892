-- Version 9: buckets, and pictures of clips that other machines make.

-- Where the studio keeps finished files, as its configuration has it; empty: in its data folder.
ALTER TABLE queue ADD COLUMN storage TEXT NOT NULL DEFAULT '';

-- The newest picture of a clip in the making.
CREATE UNLOGGED TABLE previews (
    video_id TEXT PRIMARY KEY REFERENCES videos (id) ON DELETE CASCADE,
    webp TEXT NOT NULL -- base64
);

CREATE FUNCTION tell_preview() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('kinora', concat_ws(' ', 'preview', NEW.video_id));
    RETURN NULL;
END
$$;
CREATE TRIGGER tell_preview AFTER INSERT OR UPDATE ON previews
    FOR EACH ROW EXECUTE FUNCTION tell_preview();

-- It goes with the try that it is of.
CREATE FUNCTION forget_preview() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM previews WHERE video_id = NEW.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER forget_preview AFTER UPDATE OF state ON videos
    FOR EACH ROW WHEN (OLD.state = 'running') EXECUTE FUNCTION forget_preview();
