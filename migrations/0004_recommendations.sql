CREATE TABLE model_versions (
    id           uuid PRIMARY KEY,
    kind         text NOT NULL CHECK (kind IN ('BANDIT', 'COLLABORATIVE', 'EMBEDDING', 'AUDIENCE', 'CURATOR', 'RANKER')),
    version      text NOT NULL CHECK (version ~ '^\d+\.\d+\.\d+$'),
    state        text NOT NULL CHECK (state IN ('CANDIDATE', 'ACTIVE', 'RETIRED')),
    algorithm    text NOT NULL,
    settings     jsonb NOT NULL DEFAULT '{}',
    -- What was measured at training: counts, seconds, quality.
    metrics      jsonb NOT NULL DEFAULT '{}',
    created_at   timestamptz NOT NULL,
    activated_at timestamptz,
    UNIQUE (kind, version)
);
-- Activating a version is one update of this; readers see the old or the new, never a part.
CREATE UNIQUE INDEX model_versions_active ON model_versions (kind) WHERE state = 'ACTIVE';

-- The best items of each user by one model, best first. One row a user: 200 items in about 5 KB.
CREATE TABLE batch_recommendations (
    model_version_id uuid NOT NULL REFERENCES model_versions (id) ON DELETE CASCADE,
    user_id          uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    content_ids      uuid[] NOT NULL,
    scores           real[] NOT NULL,
    -- For each item, the past item that speaks most for it.
    because          uuid[] NOT NULL,
    PRIMARY KEY (model_version_id, user_id),
    CHECK (cardinality(content_ids) = cardinality(scores) AND cardinality(content_ids) = cardinality(because))
);
CREATE INDEX batch_recommendations_user ON batch_recommendations (user_id);

-- A list as it was drawn: later pages continue the same draw. Items are written when served.
CREATE TABLE recommendation_lists (
    id               uuid NOT NULL PRIMARY KEY,
    user_id          uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    context          text NOT NULL CHECK (context IN ('FEED', 'SEARCH', 'SIMILAR', 'CATEGORY')),
    model_version_id uuid,
    weights_version  integer NOT NULL,
    created_at       timestamptz NOT NULL,
    content_ids      uuid[] NOT NULL,
    scores           real[] NOT NULL,
    sources          text[] NOT NULL,
    because          uuid[] NOT NULL
) PARTITION BY RANGE (id);
CREATE INDEX recommendation_lists_user ON recommendation_lists (user_id, id);

CREATE TABLE recommendation_items (
    list_id    uuid NOT NULL,
    rank       integer NOT NULL CHECK (rank >= 1),
    content_id uuid NOT NULL,
    score      real NOT NULL,
    source     text NOT NULL CHECK (source IN ('COLLABORATIVE', 'POPULAR', 'NEW', 'ANY')),
    served_at  timestamptz NOT NULL,
    PRIMARY KEY (list_id, rank)
) PARTITION BY RANGE (list_id);
CREATE INDEX recommendation_items_content ON recommendation_items (content_id, list_id);
