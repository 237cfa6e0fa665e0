-- The id is a UUIDv7 of the moment it happened, so that one index serves identity, order and
-- partition: a month is a range of ids. What an import brings from before is one partition.
--
-- The foreign keys to users and content_items are those of each month's partition (see
-- ensure_month_partitions). The partition of what was before has none: they cost an import two
-- look-ups and two row locks for each of its rows, some two thirds of all the rest. The import proves the
-- same once a chunk: it joins each row with its user and locks that user, and takes the item from
-- content_external_ids, which no item leaves, since the server hides items and never deletes them.
-- forget_interactions, below, takes the place of ON DELETE CASCADE for every partition.
CREATE TABLE interactions (
    id          uuid NOT NULL PRIMARY KEY,
    user_id     uuid NOT NULL,
    content_id  uuid NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('VIEW', 'CLICK', 'ADD_TO_CART', 'PURCHASE', 'LIKE', 'SHARE', 'RATING',
                                              'SKIP', 'DISLIKE', 'REMOVE_FROM_CART', 'RETURN')),
    -- The stars of a RATING, 0.5 to 5.
    value       real CHECK ((kind = 'RATING') = (value IS NOT NULL) AND value BETWEEN 0.5 AND 5),
    occurred_at timestamptz NOT NULL,
    -- Which list, and which rank of it, it came from.
    list_id     uuid,
    list_rank   integer CHECK (list_rank >= 1),
    CHECK ((list_id IS NULL) = (list_rank IS NULL))
) PARTITION BY RANGE (id);
CREATE INDEX interactions_user ON interactions (user_id, id) INCLUDE (content_id, kind, value);
-- The item alone: equal keys share one entry, which makes it an eighth of what it were with the id.
CREATE INDEX interactions_content ON interactions (content_id);

-- What a deleted user or item has done or had done to it goes with it.
CREATE FUNCTION forget_interactions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'users' THEN
        DELETE FROM interactions WHERE user_id = OLD.id;
    ELSE
        DELETE FROM interactions WHERE content_id = OLD.id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER forget_interactions AFTER DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION forget_interactions();
CREATE TRIGGER forget_interactions AFTER DELETE ON content_items
    FOR EACH ROW EXECUTE FUNCTION forget_interactions();

-- A key that was seen before names what it did.
CREATE TABLE idempotency_keys (
    user_id        uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key            text NOT NULL CHECK (length(key) BETWEEN 1 AND 200),
    interaction_id uuid NOT NULL,
    recorded_at    timestamptz NOT NULL,
    PRIMARY KEY (user_id, key)
);

-- What each kind of interaction says of taste, how fast that fades, and for how long the item is
-- kept out of lists afterwards: what users have, like or do not want, and not what they look at.
-- A change writes a new version; lists name the one they used.
CREATE TABLE interaction_weights (
    version             integer NOT NULL CHECK (version >= 1),
    kind                text NOT NULL,
    weight              real NOT NULL CHECK (weight BETWEEN -1 AND 1),
    half_life_seconds   integer NOT NULL CHECK (half_life_seconds > 0),
    -- 0: not at all; NULL: for good.
    exclude_for_seconds integer CHECK (exclude_for_seconds >= 0),
    created_at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (version, kind)
);
INSERT INTO interaction_weights (version, kind, weight, half_life_seconds, exclude_for_seconds) VALUES
    (1, 'VIEW',              0.1,   300, 0),
    (1, 'CLICK',             0.3,   600, 0),
    (1, 'ADD_TO_CART',       0.6,  1800, 0),
    (1, 'PURCHASE',          1.0,  3600, NULL),
    (1, 'LIKE',              0.7,  3600, NULL),
    (1, 'SHARE',             0.8,  3600, 0),
    (1, 'RATING',            1.0,  3600, NULL),
    (1, 'SKIP',             -0.1,   600, 604800),
    (1, 'DISLIKE',          -0.7,  3600, NULL),
    (1, 'REMOVE_FROM_CART', -0.4,  1800, 604800),
    (1, 'RETURN',           -0.8,  3600, NULL);

-- Makes the partitions of a table whose ids are UUIDv7: one for all before the first month, then
-- one a month up to `ahead` months after `today`. Those that are there already stay.
CREATE FUNCTION ensure_month_partitions(parent text, today date, ahead integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    month date;
    low   uuid;
    high  uuid;
    child text;
BEGIN
    SELECT min(to_date(right(inhrelid::regclass::text, 7), 'YYYY_MM')) INTO month
      FROM pg_inherits
     WHERE inhparent = parent::regclass AND inhrelid::regclass::text ~ '_\d{4}_\d{2}$';
    IF month IS NULL THEN
        month := date_trunc('month', today)::date;
        EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (MINVALUE) TO (%L)',
                       parent || '_before', parent, least_id_of(month));
    END IF;
    WHILE month <= today + make_interval(months => ahead) LOOP
        child := parent || to_char(month, '_YYYY_MM');
        low := least_id_of(month);
        month := (month + interval '1 month')::date;
        high := least_id_of(month);
        CONTINUE WHEN to_regclass(quote_ident(child)) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                       child, parent, low, high);
        IF parent = 'interactions' THEN
            EXECUTE format('ALTER TABLE %I ADD FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE, '
                           'ADD FOREIGN KEY (content_id) REFERENCES content_items (id) ON DELETE CASCADE', child);
        END IF;
    END LOOP;
END $$;

-- The least UUIDv7 of a day: 48 bits of milliseconds since 1970, then zeros.
CREATE FUNCTION least_id_of(day date) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT rpad(lpad(to_hex((extract(epoch FROM day) * 1000)::bigint), 12, '0'), 32, '0')::uuid
$$;
