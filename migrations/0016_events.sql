-- What happened, for those who listen: each row is written in the transaction of the change that it tells
-- of, so that it is there exactly if the change is.
--
-- A reader remembers the snapshot of its last look and asks for what was not visible in it: a transaction
-- that took a low number and commits late is not passed over, and nothing is read twice.
CREATE TABLE events (
    number     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    written_in xid8 NOT NULL DEFAULT pg_current_xact_id(),
    topic      text NOT NULL,
    -- What it is about within the topic, such as a job or a user.
    key        uuid,
    payload    jsonb NOT NULL
);
CREATE INDEX events_written ON events (written_in);

-- The commit wakes whoever listens. The payload says which schema to look at; Postgres sends one
-- notification for any number of equal ones of a transaction.
CREATE FUNCTION announce_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('marquee_events', TG_TABLE_SCHEMA);
    RETURN NULL;
END $$;
CREATE TRIGGER announce_events AFTER INSERT ON events
    FOR EACH STATEMENT EXECUTE FUNCTION announce_events();

-- Whatever writes to the catalogue tells of it, once a statement: who holds it in memory reads the rows
-- by `changed_in`.
CREATE FUNCTION tell_catalogue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (topic, payload)
    VALUES ('catalogue', jsonb_build_object('transaction', pg_current_xact_id()::text));
    RETURN NULL;
END $$;
CREATE TRIGGER tell_catalogue AFTER INSERT OR UPDATE OR DELETE ON content_items
    FOR EACH STATEMENT EXECUTE FUNCTION tell_catalogue();

-- Whoever follows a job that is removed need not wait for more of it.
CREATE FUNCTION tell_removed_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (topic, key, payload)
    SELECT 'jobs', id, jsonb_build_object(
               'job', id, 'event', events + 1, 'state', state, 'owner', owner_id,
               'asked_by', asked_by, 'due_in', 0, 'cancel', false)
      FROM removed;
    RETURN NULL;
END $$;
CREATE TRIGGER tell_removed_jobs AFTER DELETE ON generation_jobs REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION tell_removed_jobs();
