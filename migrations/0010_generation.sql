-- What is kept of generated content beside the item: how it was asked for, and its file.
CREATE TABLE generated (
    -- The item that was made, or got its poster; of several posters the last is told.
    content_id uuid PRIMARY KEY REFERENCES content_items (id) ON DELETE CASCADE,
    generator  text NOT NULL,
    prompt     text NOT NULL,
    -- The whole question, and what the generator said of its answer.
    parameters jsonb NOT NULL CHECK (jsonb_typeof(parameters) = 'object'),
    details    jsonb NOT NULL CHECK (jsonb_typeof(details) = 'object'),
    job_id     uuid,
    -- Which of the things that the job made, from 1.
    number     integer NOT NULL CHECK (number >= 1),
    seed       bigint CHECK (seed >= 0),
    -- The file's name in the object store, and its size.
    object     text NOT NULL,
    bytes      bigint NOT NULL CHECK (bytes >= 0),
    created_at timestamptz NOT NULL
);
-- A job that runs again makes nothing twice.
CREATE UNIQUE INDEX generated_job ON generated (job_id, number) WHERE job_id IS NOT NULL;
-- Two items with the same bytes share one file: who removes it asks here.
CREATE INDEX generated_object ON generated (object);
