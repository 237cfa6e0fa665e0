-- What people search for: how often a query was asked on a day. No user is named.
CREATE TABLE search_queries (
    day           date NOT NULL,
    -- Its words, folded, one space apart.
    query         text NOT NULL CHECK (length(query) BETWEEN 1 AND 200),
    times         bigint NOT NULL CHECK (times > 0),
    last_asked_at timestamptz NOT NULL,
    PRIMARY KEY (day, query)
);

-- A person's name is part of what each of their films is found by.
CREATE FUNCTION stamp_renamed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE content_items
       SET changed_in = pg_current_xact_id()
     WHERE changed_in <> pg_current_xact_id()
       AND id IN (SELECT content_id FROM credits WHERE person_id = NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER stamp_renamed AFTER UPDATE OF name ON people
    FOR EACH ROW WHEN (OLD.name IS DISTINCT FROM NEW.name) EXECUTE FUNCTION stamp_renamed();
