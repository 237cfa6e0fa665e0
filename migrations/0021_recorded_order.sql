-- The order in which interactions were recorded, for those who follow them: by the transaction that wrote a
-- row, which a reader compares with the snapshot of its last look (as with `events`). When something happened
-- says nothing of it: apps send what happened while they were away.
--
-- NULL for what was there before, and for what an import or the demo brought: nobody is told of that. Only
-- what is told is in the index. (A default that is computed would write the whole table anew, so it comes
-- after the column; a program of the version before writes rows that have it.)
ALTER TABLE interactions ADD COLUMN recorded_in xid8;
ALTER TABLE interactions ALTER COLUMN recorded_in SET DEFAULT pg_current_xact_id();

-- Of a table without partitions, all of it: the partitions of a new schema come later and bring their own.
-- Where there are partitions, migrating builds the index of each without holding up those who write.
CREATE INDEX interactions_recorded ON ONLY interactions (recorded_in, id) WHERE recorded_in IS NOT NULL;
