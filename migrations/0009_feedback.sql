-- What a list led to is found by the list. Few interactions name one, so that the index is small.
CREATE INDEX interactions_list ON interactions (list_id, list_rank) INCLUDE (kind)
    WHERE list_id IS NOT NULL;
