-- What a trained model is read from again: the terms and directions of a semantic space, the
-- factors of items. Rows of up to some 100 MB, read once by each process.
CREATE TABLE model_artifacts (
    model_version_id uuid PRIMARY KEY REFERENCES model_versions (id) ON DELETE CASCADE,
    bytes            bytea NOT NULL,
    created_at       timestamptz NOT NULL
);
-- Compressing what has no pattern costs time and gains nothing.
ALTER TABLE model_artifacts ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- The vector of each item in each space that is served or was until lately, of length 1.
CREATE TABLE content_embeddings (
    model_version_id uuid NOT NULL REFERENCES model_versions (id) ON DELETE CASCADE,
    content_id       uuid NOT NULL REFERENCES content_items (id) ON DELETE CASCADE,
    -- Every space has its own number of dimensions; an index names that of its space.
    embedding        vector NOT NULL,
    -- The state of the item that the vector tells of: its `updated_at`.
    item_updated_at  timestamptz NOT NULL,
    -- When the row was written, by which processes find what is new to them.
    written_at       timestamptz NOT NULL,
    PRIMARY KEY (model_version_id, content_id)
);
CREATE INDEX content_embeddings_written ON content_embeddings (model_version_id, written_at);
CREATE INDEX content_embeddings_content ON content_embeddings (content_id);

-- External embeddings: vectors that callers set for single items, of length 1. They replace the computed
-- ones of every embedding model with as many dimensions.
CREATE TABLE external_embeddings (
    content_id uuid PRIMARY KEY REFERENCES content_items (id) ON DELETE CASCADE,
    embedding  vector NOT NULL,
    set_at     timestamptz NOT NULL
);

-- Which items have changed since.
CREATE INDEX content_items_updated ON content_items (updated_at, id);
