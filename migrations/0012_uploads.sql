-- Files that admins uploaded, to be imported. The bytes are in the object store, under the id.

CREATE TABLE uploads (
    id         uuid PRIMARY KEY,
    name       text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    bytes      bigint NOT NULL CHECK (bytes > 0),
    sha256     bytea NOT NULL CHECK (octet_length(sha256) = 32),
    -- Who uploaded it. Nobody: the shell of the server.
    owner_id   uuid REFERENCES users (id) ON DELETE SET NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX uploads_created ON uploads (created_at, id);
CREATE INDEX uploads_owner ON uploads (owner_id, created_at, id);
