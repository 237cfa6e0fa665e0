-- The program knows the kinds of jobs: a new one needs no change of the table.
--
-- A program that does not know a kind leaves the jobs of this kind to others.
ALTER TABLE generation_jobs DROP CONSTRAINT generation_jobs_kind_check;

-- The event of a changed or removed job, as it is after the change. The program reads it as `JobChanged`.
CREATE FUNCTION job_changed(job generation_jobs) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
               'job', job.id, 'event', job.events, 'state', job.state, 'owner', job.owner_id,
               'asked_by', job.asked_by,
               -- In how many seconds a waiting job is due.
               'due_in', greatest(extract(epoch FROM job.due_at - now()), 0),
               -- Whether a running job must stop.
               'cancel', job.cancel_asked AND job.state = 'RUNNING')
$$;

-- Whoever follows a job that is removed need not wait for more of it: its number is that after the last.
CREATE OR REPLACE FUNCTION tell_removed_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (topic, key, payload)
    SELECT 'jobs', id,
           job_changed(ROW(removed.*)::generation_jobs) || jsonb_build_object('event', events + 1)
      FROM removed;
    RETURN NULL;
END $$;
