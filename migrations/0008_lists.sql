-- Lists that tell how they were blended, and what was said to them.
--
-- A list is one row; what its items share is kept once: the sources in the order of `blend_sources`,
-- the past items that speak for something in `because_ids`.
TRUNCATE recommendation_items, recommendation_lists; -- drawn before lists could tell all this

ALTER TABLE recommendation_lists
    DROP COLUMN sources,
    DROP COLUMN because,
    ADD COLUMN embedding_version_id uuid,
    -- What was asked for: filter, boosts, pins and so on, as far as given.
    ADD COLUMN controls       jsonb NOT NULL,
    -- The weighted sources and the weights that were used; the weights sum to 1, or there are none.
    ADD COLUMN blend_sources  text[] NOT NULL,
    ADD COLUMN blend_weights  real[] NOT NULL,
    -- Freshness: when the model was trained, and how much of what the user did went in.
    ADD COLUMN model_at       timestamptz,
    ADD COLUMN events         integer NOT NULL,
    ADD COLUMN last_event_at  timestamptz,
    -- A bit a source, in the order of the type in the program.
    ADD COLUMN sources        smallint[] NOT NULL,
    -- How much of each item's score comes from each of `blend_sources`, item after item.
    ADD COLUMN parts          real[] NOT NULL,
    -- The past items that speak for others, and for each item a place among them, from 1; 0: none.
    ADD COLUMN because_ids    uuid[] NOT NULL,
    ADD COLUMN because        smallint[] NOT NULL,
    -- What it was made of: candidates by source, drops with reasons, versions; written by the engine.
    -- Empty where that is not known.
    ADD COLUMN provenance     bytea NOT NULL DEFAULT '',
    ADD CHECK (cardinality(content_ids) = cardinality(scores)
           AND cardinality(content_ids) = cardinality(sources)
           AND cardinality(content_ids) = cardinality(because)
           AND cardinality(blend_sources) = cardinality(blend_weights)
           AND cardinality(parts) = cardinality(content_ids) * cardinality(blend_sources));

-- Ids and scores do not compress; trying costs more than the rest of the statement.
ALTER TABLE recommendation_lists
    ALTER COLUMN content_ids SET STORAGE EXTERNAL,
    ALTER COLUMN scores SET STORAGE EXTERNAL,
    ALTER COLUMN sources SET STORAGE EXTERNAL,
    ALTER COLUMN parts SET STORAGE EXTERNAL,
    ALTER COLUMN because SET STORAGE EXTERNAL,
    ALTER COLUMN provenance SET STORAGE EXTERNAL;

ALTER TABLE recommendation_items DROP CONSTRAINT recommendation_items_source_check;
ALTER TABLE recommendation_items ADD CONSTRAINT recommendation_items_source_check
    CHECK (source IN ('COLLABORATIVE', 'INTERESTS', 'SESSION', 'SIMILAR', 'TOGETHER', 'QUERY',
                      'POPULAR', 'NEW', 'ANY', 'PINNED'));

-- What became of an item of a list. What it says of taste is an interaction as well.
CREATE TABLE feedback (
    id             uuid PRIMARY KEY,
    list_id        uuid NOT NULL,
    rank           integer NOT NULL CHECK (rank >= 1),
    user_id        uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind           text NOT NULL CHECK (kind IN ('SERVED', 'CLICKED', 'DISMISSED', 'RATED')),
    -- The stars of RATED.
    rating         real CHECK ((kind = 'RATED') = (rating IS NOT NULL) AND rating BETWEEN 0.5 AND 5),
    interaction_id uuid,
    at             timestamptz NOT NULL,
    -- Said twice, it counts once; the last rating stays.
    UNIQUE (list_id, rank, kind)
);
CREATE INDEX feedback_user ON feedback (user_id);
