-- Experiments: variants of recommendation lists, each shown to a share of the users. Which user gets which variant is
-- computed, so nothing here refers to users.

CREATE TABLE experiments (
    id         uuid PRIMARY KEY,
    name       text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    state      text NOT NULL CHECK (state IN ('DRAFT', 'RUNNING', 'STOPPED')),
    -- The contexts of the lists that take part; empty: all.
    contexts   text[] NOT NULL CHECK (contexts <@ ARRAY['FEED', 'SEARCH', 'SIMILAR', 'CATEGORY']),
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    stopped_at timestamptz,
    CONSTRAINT experiments_name UNIQUE (name),
    CHECK ((state = 'DRAFT') = (started_at IS NULL)),
    CHECK ((state = 'STOPPED') = (stopped_at IS NOT NULL))
);
CREATE INDEX experiments_running ON experiments (id) WHERE state = 'RUNNING';

-- What an experiment compares. The first one is the control, whose lists are as without an experiment.
CREATE TABLE experiment_variants (
    id              uuid PRIMARY KEY,
    experiment_id   uuid NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    -- From 0.
    position        smallint NOT NULL CHECK (position BETWEEN 0 AND 9),
    name            text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    -- Its share of the users, relative to the others.
    weight          integer NOT NULL CHECK (weight BETWEEN 1 AND 1000),
    -- Settings of its lists; NULL: as configured.
    learned         boolean,
    blend_batch     real CHECK (blend_batch BETWEEN 0 AND 1),
    blend_long_term real CHECK (blend_long_term BETWEEN 0 AND 1),
    blend_query     real CHECK (blend_query BETWEEN 0 AND 1),
    blend_similar   real CHECK (blend_similar BETWEEN 0 AND 1),
    blend_meaning   real CHECK (blend_meaning BETWEEN 0 AND 1),
    diversity       real CHECK (diversity BETWEEN 0 AND 1),
    UNIQUE (experiment_id, position),
    UNIQUE (experiment_id, name),
    CHECK (position > 0 OR num_nonnulls(learned, blend_batch, blend_long_term, blend_query, blend_similar,
                                        blend_meaning, diversity) = 0)
);

-- The variant that a list was made for. Not a reference, as with `model_version_id`: a list does not wait for another
-- table, and deleting an experiment does not rewrite millions of lists.
ALTER TABLE recommendation_lists ADD COLUMN variant_id uuid;
CREATE INDEX recommendation_lists_variant ON recommendation_lists (variant_id, user_id)
    WHERE variant_id IS NOT NULL;
