CREATE TABLE content_items (
    id               uuid PRIMARY KEY,
    kind             text NOT NULL CHECK (kind IN ('MOVIE', 'PRODUCT', 'TEXT', 'IMAGE', 'VIDEO', 'AUDIO')),
    title            text NOT NULL CHECK (length(title) BETWEEN 1 AND 500),
    original_title   text,
    description      text NOT NULL DEFAULT '',
    genres           text[] NOT NULL DEFAULT '{}',
    tags             text[] NOT NULL DEFAULT '{}',
    year             integer CHECK (year BETWEEN 1800 AND 2200),
    duration_minutes integer CHECK (duration_minutes BETWEEN 1 AND 10000),
    -- ISO 639.
    language         text,
    poster_url       text,
    -- The source's mean vote on a scale of 0 to 10, and how many voted.
    rating_average   real CHECK (rating_average BETWEEN 0 AND 10),
    rating_count     integer CHECK (rating_count >= 0),
    popularity       double precision NOT NULL DEFAULT 0 CHECK (popularity >= 0),
    brand            text,
    merchant         text,
    category_path    text[] NOT NULL DEFAULT '{}',
    price            numeric(14, 2) CHECK (price >= 0),
    list_price       numeric(14, 2) CHECK (list_price >= 0),
    -- ISO 4217.
    currency         text CHECK (currency ~ '^[A-Z]{3}$'),
    -- Pieces at hand; NULL where stock is not counted.
    stock            integer CHECK (stock >= 0),
    color            text,
    rights_from      date,
    rights_until     date,
    broadcasts_left  integer CHECK (broadcasts_left >= 0),
    creator_id       uuid REFERENCES users (id) ON DELETE SET NULL,
    visibility       text NOT NULL DEFAULT 'PUBLIC' CHECK (visibility IN ('PUBLIC', 'UNLISTED', 'PRIVATE')),
    quality_score    real CHECK (quality_score BETWEEN 0 AND 1),
    metadata         jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    -- Set, the item is hidden everywhere; the row stays, so that old lists can be read.
    deleted_at       timestamptz,
    CHECK (rights_from <= rights_until),
    CHECK ((price IS NULL AND list_price IS NULL) OR currency IS NOT NULL)
);
-- Lists put what has no value last, either way round: a nullable column has an index for each.
CREATE INDEX content_items_created ON content_items (created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX content_items_title ON content_items (title COLLATE "C", id) WHERE deleted_at IS NULL;
CREATE INDEX content_items_year ON content_items (year, id) WHERE deleted_at IS NULL;
CREATE INDEX content_items_year_desc ON content_items (year DESC NULLS LAST, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX content_items_popularity ON content_items (popularity, id) WHERE deleted_at IS NULL;
CREATE INDEX content_items_rating ON content_items (rating_average, id) WHERE deleted_at IS NULL;
CREATE INDEX content_items_rating_desc ON content_items (rating_average DESC NULLS LAST, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX content_items_price ON content_items (price, id) WHERE deleted_at IS NULL;
CREATE INDEX content_items_price_desc ON content_items (price DESC NULLS LAST, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX content_items_kind ON content_items (kind, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX content_items_creator ON content_items (creator_id, id) WHERE deleted_at IS NULL;
CREATE INDEX content_items_brand ON content_items (brand) WHERE deleted_at IS NULL;
CREATE INDEX content_items_genres ON content_items USING gin (genres);
CREATE INDEX content_items_tags ON content_items USING gin (tags);
CREATE INDEX content_items_category ON content_items USING gin (category_path);

-- What other catalogues call an item. Not unique by name: two of our films may share one of theirs.
CREATE TABLE content_external_ids (
    content_id  uuid NOT NULL REFERENCES content_items (id) ON DELETE CASCADE,
    source      text NOT NULL CHECK (source ~ '^[a-z0-9_-]{1,40}$'),
    external_id text NOT NULL CHECK (length(external_id) BETWEEN 1 AND 200),
    PRIMARY KEY (content_id, source)
);
CREATE INDEX content_external_ids_name ON content_external_ids (source, external_id);

-- Tags that users gave, as against those of the catalogue.
CREATE TABLE content_tags (
    content_id uuid NOT NULL REFERENCES content_items (id) ON DELETE CASCADE,
    user_id    uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    tag        text NOT NULL CHECK (length(tag) BETWEEN 1 AND 200),
    tagged_at  timestamptz NOT NULL,
    PRIMARY KEY (content_id, user_id, tag)
);
CREATE INDEX content_tags_user ON content_tags (user_id, tagged_at);

CREATE TABLE people (
    id          uuid PRIMARY KEY,
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    photo_url   text,
    biography   text,
    source      text,
    external_id text,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    CHECK ((source IS NULL) = (external_id IS NULL))
);
CREATE UNIQUE INDEX people_external ON people (source, external_id) WHERE source IS NOT NULL;
-- Where no catalogue tells namesakes apart, a name is one person.
CREATE UNIQUE INDEX people_named ON people (lower(name)) WHERE source IS NULL;
CREATE INDEX people_name ON people (lower(name) text_pattern_ops, id);
CREATE INDEX people_by_name ON people (name COLLATE "C", id);
CREATE INDEX people_created ON people (created_at, id);

CREATE TABLE credits (
    content_id uuid NOT NULL REFERENCES content_items (id) ON DELETE CASCADE,
    person_id  uuid NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    role       text NOT NULL CHECK (role IN ('DIRECTOR', 'CAST', 'WRITER', 'PRODUCER', 'COMPOSER', 'CINEMATOGRAPHER', 'EDITOR')),
    -- Place among those of the same role, from 0.
    position   integer NOT NULL CHECK (position >= 0),
    character  text,
    PRIMARY KEY (content_id, role, position)
);
CREATE INDEX credits_person ON credits (person_id, content_id);
