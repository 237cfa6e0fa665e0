-- Runs once in every schema, with that schema first on the search path.

CREATE TABLE users (
    id            uuid PRIMARY KEY,
    -- Lower case; the service lowers it before it writes.
    email         text CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
    display_name  text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 100),
    role          text NOT NULL DEFAULT 'USER' CHECK (role IN ('USER', 'CURATOR', 'ADMIN')),
    -- Argon2id in PHC form; imported and anonymous users have none.
    password_hash text,
    anonymous     boolean NOT NULL DEFAULT false,
    -- Open by nature: {"favouriteGenres": [...], "languages": [...], ...}.
    preferences   jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(preferences) = 'object'),
    -- Where an imported user comes from, and its name there.
    source        text,
    external_id   text,
    merged_into   uuid REFERENCES users (id),
    disabled_at   timestamptz,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    CHECK ((source IS NULL) = (external_id IS NULL)),
    CHECK (NOT anonymous OR (email IS NULL AND password_hash IS NULL))
);
CREATE UNIQUE INDEX users_email ON users (email) WHERE email IS NOT NULL;
CREATE UNIQUE INDEX users_external ON users (source, external_id) WHERE source IS NOT NULL;
CREATE INDEX users_created ON users (created_at, id);
CREATE INDEX users_display_name ON users (display_name, id);
CREATE INDEX users_name ON users (lower(display_name) text_pattern_ops, id);
-- The last admin is looked for by each change that could remove them.
CREATE INDEX users_admins ON users (id) WHERE role = 'ADMIN';
CREATE INDEX users_preferences ON users USING gin (preferences jsonb_path_ops);

-- One row a token. A family begins with a login; a used token that comes back ends its family.
CREATE TABLE refresh_tokens (
    id         uuid PRIMARY KEY,
    family_id  uuid NOT NULL,
    user_id    uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- SHA-256 of the token, which is random: no salt is needed.
    hash       bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    issued_at  timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > issued_at),
    used_at    timestamptz,
    revoked_at timestamptz
);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family_id);
-- A session lives as long as it has a token that can still be used: one at most. Each request
-- may ask for it.
CREATE UNIQUE INDEX refresh_tokens_living ON refresh_tokens (family_id) WHERE used_at IS NULL AND revoked_at IS NULL;
CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);

CREATE TABLE api_keys (
    id           uuid PRIMARY KEY,
    name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    -- What is shown of the key after its birth.
    prefix       text NOT NULL UNIQUE,
    hash         bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    scopes       text[] NOT NULL,
    created_by   uuid REFERENCES users (id) ON DELETE SET NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz
);
CREATE INDEX api_keys_created ON api_keys (created_at, id);

CREATE TABLE audit_log (
    id      uuid PRIMARY KEY,
    at      timestamptz NOT NULL,
    -- Who did it: a user's or a key's outer id, or `command`.
    actor   text NOT NULL,
    action  text NOT NULL,
    -- The outer id of what it was done to.
    subject text,
    details jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_log_subject ON audit_log (subject, id);
CREATE INDEX audit_log_actor ON audit_log (actor, id);
