-- How many of the user's interactions a list takes into account that its model does not: those after the
-- training began. Null in lists that were made before; all of them then.
ALTER TABLE recommendation_lists ADD COLUMN events_since_model integer;
