-- What changed among the vectors of items, for those who hold them in memory: as for the catalogue,
-- by the transaction that wrote a row last, so that no late commit is missed.
--
-- Rows that are there already have number 0: whoever reads a space reads all of it first. (A default
-- that is computed would write the whole table anew, and make its indexes again.)
ALTER TABLE content_embeddings ADD COLUMN changed_in xid8 NOT NULL DEFAULT '0';
ALTER TABLE content_embeddings ALTER COLUMN changed_in SET DEFAULT pg_current_xact_id();
CREATE INDEX content_embeddings_changed ON content_embeddings (model_version_id, changed_in);
DROP INDEX content_embeddings_written;

-- Only what changes the vector: items change more often than what they say.
CREATE TRIGGER stamp_change BEFORE UPDATE ON content_embeddings
    FOR EACH ROW WHEN (OLD.embedding OPERATOR(public.<>) NEW.embedding)
    EXECUTE FUNCTION stamp_change();

-- The items whose vector was taken out of a space while it was served. One that has a vector again
-- stays in here; the row that is there counts.
CREATE TABLE removed_embeddings (
    model_version_id uuid NOT NULL REFERENCES model_versions (id) ON DELETE CASCADE,
    content_id       uuid NOT NULL REFERENCES content_items (id) ON DELETE CASCADE,
    changed_in       xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (model_version_id, content_id)
);
CREATE INDEX removed_embeddings_changed ON removed_embeddings (model_version_id, changed_in);
CREATE INDEX removed_embeddings_content ON removed_embeddings (content_id);
