-- What changed in the catalogue, for those who hold it in memory.
--
-- Each row names the transaction that wrote it last. A reader asks for the rows whose transaction is
-- not older than the oldest one that was still running at its last reading, and so never misses a
-- late commit, whatever the clocks say.
ALTER TABLE content_items ADD COLUMN changed_in xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX content_items_changed ON content_items (changed_in);

CREATE FUNCTION stamp_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_in := pg_current_xact_id();
    RETURN NEW;
END $$;
CREATE TRIGGER stamp_change BEFORE UPDATE ON content_items
    FOR EACH ROW EXECUTE FUNCTION stamp_change();

-- The people of an item are part of it.
CREATE FUNCTION stamp_credited() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE content_items
       SET changed_in = pg_current_xact_id()
     WHERE changed_in <> pg_current_xact_id()
       AND id IN (SELECT content_id FROM credited);
    RETURN NULL;
END $$;
CREATE TRIGGER stamp_credited_insert AFTER INSERT ON credits REFERENCING NEW TABLE AS credited
    FOR EACH STATEMENT EXECUTE FUNCTION stamp_credited();
CREATE TRIGGER stamp_credited_update AFTER UPDATE ON credits REFERENCING NEW TABLE AS credited
    FOR EACH STATEMENT EXECUTE FUNCTION stamp_credited();
CREATE TRIGGER stamp_credited_delete AFTER DELETE ON credits REFERENCING OLD TABLE AS credited
    FOR EACH STATEMENT EXECUTE FUNCTION stamp_credited();
