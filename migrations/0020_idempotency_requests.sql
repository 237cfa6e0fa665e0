-- What was asked for under a key, so that the same key with something else is a conflict and not a
-- repeat. Keys from before have none, and are compared with the interaction that they made.
ALTER TABLE idempotency_keys
    ADD COLUMN request_hash bytea CHECK (length(request_hash) = 32);
