-- Channels, ours and those of competitors, and what they show.

CREATE TABLE channels (
    id         uuid PRIMARY KEY,
    -- The short name that commands and arguments use.
    key        text NOT NULL CHECK (key ~ '^[a-z0-9][a-z0-9-]{0,59}$'),
    name       text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    -- As the IANA database names it; the program checks it.
    time_zone  text NOT NULL CHECK (length(time_zone) BETWEEN 1 AND 60),
    -- Ours, and not a competitor's.
    own        boolean NOT NULL,
    -- The ids of the channel in guides (XMLTV). No two channels have one in common.
    guide_ids  text[] NOT NULL DEFAULT '{}' CHECK (cardinality(guide_ids) <= 20),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT channels_key UNIQUE (key)
);
CREATE INDEX channels_guide_ids ON channels USING gin (guide_ids);

-- What a channel shows, and how many saw it.
CREATE TABLE airings (
    id         uuid PRIMARY KEY,
    channel_id uuid NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    -- The item of the catalogue that it shows, where it was recognised or named.
    content_id uuid REFERENCES content_items (id) ON DELETE SET NULL,
    title      text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 500),
    -- The year of production.
    year       integer CHECK (year BETWEEN 1800 AND 2200),
    -- What the guide says that it is.
    kind       text NOT NULL CHECK (kind IN ('FILM', 'EPISODE', 'UNKNOWN')),
    starts_at  timestamptz NOT NULL,
    ends_at    timestamptz NOT NULL,
    -- How many people saw it.
    audience   bigint CHECK (audience >= 0),
    -- Where it comes from.
    source     text NOT NULL CHECK (source IN ('XMLTV', 'CSV')),
    -- How sure it is that it shows the item of `content_id`; 1 where the source names it.
    confidence real CHECK (confidence BETWEEN 0 AND 1),
    CONSTRAINT airings_slot UNIQUE (channel_id, starts_at, title),
    CONSTRAINT airings_length CHECK (starts_at < ends_at AND ends_at <= starts_at + interval '48 hours'),
    CHECK ((content_id IS NULL) OR (confidence IS NOT NULL))
);
-- The schedule of all channels, and of one.
CREATE INDEX airings_time ON airings (starts_at, id);
CREATE INDEX airings_channel ON airings (channel_id, starts_at, id);
-- Where and when an item is shown.
CREATE INDEX airings_content ON airings (content_id, starts_at) WHERE content_id IS NOT NULL;

-- What was last fetched from the addresses of the setting `competition.sources`, so that a guide that has not
-- changed is not fetched again.
CREATE TABLE guide_downloads (
    -- SHA-256 of the address, which may hold a secret.
    address       bytea PRIMARY KEY CHECK (octet_length(address) = 32),
    etag          text CHECK (length(etag) <= 1000),
    last_modified text CHECK (length(last_modified) <= 1000),
    fetched_at    timestamptz NOT NULL
);
