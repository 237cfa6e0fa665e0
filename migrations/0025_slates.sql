-- Slates: films that are offered for a date and an hour of a channel, what curators select of them, and what a
-- bandit learns from that.

-- A slate as it was offered. Its numbers are kept: what is learned from a selection is what was shown.
CREATE TABLE slates (
    id               uuid PRIMARY KEY,
    channel_id       uuid NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    -- Date and hour in the time zone of the channel.
    date             date NOT NULL,
    hour             smallint NOT NULL CHECK (hour BETWEEN 0 AND 23),
    state            text NOT NULL CHECK (state IN ('OPEN', 'SELECTED', 'REJECTED', 'ABANDONED', 'EXPIRED')),
    -- The number of films that was asked for; fewer items where fewer films are eligible.
    length           smallint NOT NULL CHECK (length BETWEEN 1 AND 50),
    candidate_count  integer NOT NULL CHECK (candidate_count >= 0),
    -- The version of the bandit; NULL before there is one, and after it was deleted.
    model_version_id uuid REFERENCES model_versions (id) ON DELETE SET NULL,
    -- The version and the number of slates that it had learned from since, for people.
    model            text NOT NULL,
    -- Which life of the bandit's state the draw was of: open slates of an earlier one are not served.
    epoch            integer NOT NULL,
    -- The draw: the same seed, state and candidates give the same slate.
    seed             bigint NOT NULL,
    weights          double precision[] NOT NULL CHECK (cardinality(weights) = 6),
    -- The best candidates with their signals, for evaluation off policy; see `domain::slates::log`.
    log              bytea NOT NULL,
    created_at       timestamptz NOT NULL,
    closed_at        timestamptz,
    CHECK ((state = 'OPEN') = (closed_at IS NULL))
);
CREATE UNIQUE INDEX slates_open ON slates (channel_id, date, hour) WHERE state = 'OPEN';
CREATE INDEX slates_slot ON slates (channel_id, date, hour, created_at);
CREATE INDEX slates_closed ON slates (closed_at, id) WHERE state IN ('SELECTED', 'REJECTED');
CREATE INDEX slates_model ON slates (model_version_id) WHERE model_version_id IS NOT NULL;

CREATE TABLE slate_items (
    slate_id   uuid NOT NULL REFERENCES slates (id) ON DELETE CASCADE,
    -- From 1.
    rank       smallint NOT NULL CHECK (rank BETWEEN 1 AND 50),
    content_id uuid NOT NULL REFERENCES content_items (id) ON DELETE CASCADE,
    -- Curator, audience, competition, diversity, novelty, rights; each in [0, 1].
    signals    double precision[] NOT NULL CHECK (cardinality(signals) = 6),
    score      double precision NOT NULL,
    -- The probability of being in a slate of this length.
    propensity double precision NOT NULL CHECK (propensity > 0 AND propensity <= 1),
    -- The predicted number of viewers; NULL without a model of audiences.
    audience   double precision CHECK (audience >= 0),
    PRIMARY KEY (slate_id, rank),
    UNIQUE (slate_id, content_id)
);
CREATE INDEX slate_items_content ON slate_items (content_id);

-- A film that a curator selected. A film is selected once, and an hour has one film.
CREATE TABLE slate_selections (
    id          uuid PRIMARY KEY,
    slate_id    uuid NOT NULL UNIQUE REFERENCES slates (id) ON DELETE CASCADE,
    channel_id  uuid NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    date        date NOT NULL,
    hour        smallint NOT NULL CHECK (hour BETWEEN 0 AND 23),
    content_id  uuid NOT NULL UNIQUE REFERENCES content_items (id) ON DELETE CASCADE,
    -- The signals that mattered, as far as the curator said.
    signals     text[] NOT NULL,
    curator_id  uuid REFERENCES users (id) ON DELETE SET NULL,
    selected_at timestamptz NOT NULL,
    UNIQUE (channel_id, date, hour)
);
CREATE INDEX slate_selections_curator ON slate_selections (curator_id) WHERE curator_id IS NOT NULL;
CREATE INDEX slate_selections_newest ON slate_selections (selected_at, id);

-- Films that were rejected for an hour. They stay out of its slates until it is abandoned.
CREATE TABLE slate_exclusions (
    channel_id  uuid NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    date        date NOT NULL,
    hour        smallint NOT NULL CHECK (hour BETWEEN 0 AND 23),
    content_id  uuid NOT NULL REFERENCES content_items (id) ON DELETE CASCADE,
    excluded_at timestamptz NOT NULL,
    PRIMARY KEY (channel_id, date, hour, content_id)
);
CREATE INDEX slate_exclusions_content ON slate_exclusions (content_id);

-- What the bandit has learned, with every update: versions are checkpoints of it. One row.
CREATE TABLE bandit_state (
    only_row         boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    -- The version that it continues; NULL before the first.
    model_version_id uuid,
    -- How often it was begun anew from a version.
    epoch            integer NOT NULL,
    -- The same file as a version's.
    state            bytea NOT NULL,
    -- Slates that were learned from, and selections among them, since that version.
    updates          integer NOT NULL CHECK (updates >= 0),
    selections       integer NOT NULL CHECK (selections >= 0),
    changed_at       timestamptz NOT NULL
);

-- The number by which the bandit knows a channel, from 0, in the order of their first slates.
CREATE TABLE bandit_channels (
    channel_id uuid PRIMARY KEY REFERENCES channels (id) ON DELETE CASCADE,
    number     smallint NOT NULL UNIQUE CHECK (number >= 0)
);
