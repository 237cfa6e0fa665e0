-- A refresh token that was exchanged a moment ago gives the same successor once more, for two tabs
-- that refresh at once and for an answer that was lost (`auth.refresh_grace_seconds`).
--
-- The successor is derived from the token and this salt, which whoever reads this table has one of
-- only. It is removed when the grace is over and the session goes on.
ALTER TABLE refresh_tokens
    ADD COLUMN successor_salt bytea CHECK (length(successor_salt) = 32);
