-- Lists of jobs in their orders, each read from where a page begins.
CREATE INDEX generation_jobs_created ON generation_jobs (created_at, id);
CREATE INDEX generation_jobs_priority ON generation_jobs (priority, id);
-- Those that are not over come last, whichever way round.
DROP INDEX generation_jobs_finished;
CREATE INDEX generation_jobs_finished ON generation_jobs (finished_at, id);
CREATE INDEX generation_jobs_finished_last ON generation_jobs (finished_at DESC NULLS LAST, id DESC);
-- A user's own, and those of an app.
DROP INDEX generation_jobs_owner;
CREATE INDEX generation_jobs_owner ON generation_jobs (owner_id, created_at, id);
CREATE INDEX generation_jobs_asked_by ON generation_jobs (asked_by, created_at, id);
-- What is not over, which a dashboard begins with.
CREATE INDEX generation_jobs_open ON generation_jobs (created_at, id)
    WHERE state IN ('PENDING', 'RUNNING');
-- What is being made, which whoever asks for the same joins.
CREATE INDEX generation_jobs_begun ON generation_jobs (unique_key)
    WHERE started_at IS NOT NULL AND finished_at IS NULL;
