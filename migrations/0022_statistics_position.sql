-- How far the hours are summed up, by what was recorded and not by when it happened: what an app sends late
-- belongs to an hour that was summed up before. One row.
CREATE TABLE statistics_position (
    single   boolean PRIMARY KEY DEFAULT true CHECK (single),
    snapshot pg_snapshot NOT NULL
);
