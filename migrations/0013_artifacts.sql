-- A value of a column holds 1 GB at most, and a model of a million items is larger: it is kept in parts.
ALTER TABLE model_artifacts
    ADD COLUMN part integer NOT NULL DEFAULT 0 CHECK (part >= 0),
    DROP CONSTRAINT model_artifacts_pkey,
    ADD PRIMARY KEY (model_version_id, part);
ALTER TABLE model_artifacts ALTER COLUMN part DROP DEFAULT;
