//! The queue: claiming, holding and ending jobs. All times are the database's.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Statement};
use uuid::Uuid;

use super::{Store, changed};
use crate::domain::jobs::model::{Job, JobState};
use crate::foundation::{Id, Progress, Result, id};
use crate::platform::db::filter;

/// For how long a job is a worker's that was not heard of since, in seconds.
const LEASE_SECONDS: f64 = 10.0;

/// One attempt of a job by one worker. Whatever it writes is written only while the job is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domain::jobs) struct Claim {
    pub(in crate::domain::jobs) job: Id<id::Job>,
    pub(in crate::domain::jobs) worker: Uuid,
    pub(in crate::domain::jobs) attempt: i16,
}

/// What a worker learns with its heartbeat.
#[derive(Clone, Debug, FromQueryResult)]
pub(in crate::domain::jobs) struct Heartbeat {
    /// The jobs whose leases it still holds; the next two have the same order.
    pub(in crate::domain::jobs) held: Vec<Uuid>,
    /// Their attempts.
    pub(in crate::domain::jobs) attempts: Vec<i16>,
    /// Whether they are to be cancelled.
    pub(in crate::domain::jobs) cancel_asked: Vec<bool>,
    /// Whether there are jobs of dead workers.
    pub(in crate::domain::jobs) orphans: bool,
    /// In how many seconds the next waiting job is due; negative if it is due already.
    pub(in crate::domain::jobs) job_due_in: Option<f64>,
    /// In how many seconds the next schedule is due.
    pub(in crate::domain::jobs) schedule_due_in: Option<f64>,
}

/// The outcome of an attempt.
#[derive(Clone, Debug)]
pub(in crate::domain::jobs) enum AttemptOutcome {
    /// Succeeded, with the result.
    Completed(serde_json::Value),
    /// Failed for good, with the reason.
    Failed(String),
    /// Failed, with the reason; retried after this many seconds, if an attempt is left.
    Retry(String, f64),
    /// Cancelled.
    Cancelled,
    /// Released because the worker shuts down. The attempt does not count.
    Released,
}

impl Store {
    /// Records the heartbeat of a worker and renews the leases of `jobs`; schedules are due by `now`. A job
    /// that the worker claimed by a statement whose result was lost is not among `jobs`: its lease expires.
    pub(in crate::domain::jobs) async fn heartbeat(
        &self,
        worker: Uuid,
        name: &str,
        slots: i32,
        draining: bool,
        jobs: impl IntoIterator<Item = Id<id::Job>>,
        now: DateTime<Utc>,
    ) -> Result<Heartbeat> {
        let statement = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "WITH seen AS ( \
                INSERT INTO workers (id, name, slots, draining) VALUES ($1, $2, $3, $4) \
                ON CONFLICT (id) DO UPDATE SET seen_at = now(), draining = $4), \
             held AS ( \
                UPDATE generation_jobs SET lease_until = now() + $5 * interval '1 second' \
                 WHERE state = 'RUNNING' AND worker_id = $1 AND id = ANY ($6) \
                RETURNING id, attempt, cancel_asked) \
             SELECT coalesce(array_agg(id), '{}') AS held, \
                    coalesce(array_agg(attempt), '{}') AS attempts, \
                    coalesce(array_agg(cancel_asked), '{}') AS cancel_asked, \
                    EXISTS (SELECT FROM generation_jobs \
                             WHERE state = 'RUNNING' AND lease_until < now() \
                               AND id <> ALL ($6)) AS orphans, \
                    (SELECT extract(epoch FROM min(due_at) - now())::double precision \
                       FROM generation_jobs \
                      WHERE state = 'PENDING' AND kind = ANY ($8)) AS job_due_in, \
                    (SELECT extract(epoch FROM min(next_at) - $7)::double precision \
                       FROM schedules) AS schedule_due_in \
               FROM held",
            [
                worker.into(),
                name.into(),
                slots.into(),
                draining.into(),
                LEASE_SECONDS.into(),
                filter::uuids(jobs),
                now.into(),
                self.kinds.to_vec().into(),
            ],
        );
        let heartbeat = Heartbeat::find_by_statement(statement)
            .one(self.db.write())
            .await?;
        Ok(heartbeat.ok_or_else(|| anyhow::anyhow!("an aggregate without a row"))?)
    }

    /// Removes the worker.
    pub(in crate::domain::jobs) async fn deregister(&self, worker: Uuid) -> Result<()> {
        self.db
            .write()
            .execute_raw(Statement::from_sql_and_values(
                DbBackend::Postgres,
                "DELETE FROM workers WHERE id = $1 OR seen_at < now() - interval '1 day'",
                [worker.into()],
            ))
            .await?;
        Ok(())
    }

    /// The kinds of waiting jobs that this program cannot run, in order.
    pub(in crate::domain::jobs) async fn waiting_of_unknown_kinds(&self) -> Result<Vec<String>> {
        #[derive(FromQueryResult)]
        struct Row {
            kind: String,
        }
        let statement = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT DISTINCT kind FROM generation_jobs \
              WHERE state = 'PENDING' AND kind <> ALL ($1) ORDER BY kind",
            [self.kinds.to_vec().into()],
        );
        let rows = Row::find_by_statement(statement)
            .all(self.db.write())
            .await?;
        Ok(rows.into_iter().map(|row| row.kind).collect())
    }

    /// Begins up to `most` jobs of known kinds that are due, the most urgent first. Of equally urgent ones those who asked
    /// take turns: who has fewer jobs running, and fewer before this one, is served first, and then who was not served
    /// for longest, so that nobody waits behind a hundred jobs of another. No two workers get the same.
    pub(in crate::domain::jobs) async fn claim(&self, worker: Uuid, most: i64) -> Result<Vec<Job>> {
        let mut jobs = changed(
            self.db.write(),
            // An array is read once; a plan may run what stands behind IN many times, each time
            // finding others.
            "UPDATE generation_jobs SET \
                 state = 'RUNNING', events = events + 1, attempt = attempt + 1, worker_id = $1, \
                 lease_until = now() + $3 * interval '1 second', \
                 started_at = coalesce(started_at, now()), \
                 fraction = NULL, step = NULL, message = NULL, remaining = NULL \
              WHERE id = ANY (ARRAY( \
                    WITH due AS ( \
                        SELECT id, asked_by, priority, due_at FROM generation_jobs \
                         WHERE state = 'PENDING' AND due_at <= now() AND kind = ANY ($4)), \
                    askers AS ( \
                        SELECT asked_by, max(started_at) AS served_at, \
                               count(*) FILTER (WHERE state = 'RUNNING') AS running \
                          FROM (SELECT DISTINCT asked_by FROM due) AS waiters \
                          JOIN generation_jobs USING (asked_by) GROUP BY asked_by), \
                    turns AS ( \
                        SELECT id, served_at, running + row_number() OVER ( \
                                 PARTITION BY asked_by ORDER BY priority DESC, due_at, id) AS turn \
                          FROM due JOIN askers USING (asked_by)) \
                    SELECT waiting.id FROM generation_jobs AS waiting JOIN turns USING (id) \
                     WHERE state = 'PENDING' \
                     ORDER BY priority DESC, turn, served_at NULLS FIRST, due_at, waiting.id LIMIT $2 \
                       FOR UPDATE OF waiting SKIP LOCKED))",
            [
                worker.into(),
                most.into(),
                LEASE_SECONDS.into(),
                self.kinds.to_vec().into(),
            ],
        )
        .await?;
        // Those of one statement begin together.
        jobs.sort_by_key(|job| (-job.priority, job.due_at, job.id));
        Ok(jobs)
    }

    /// Whether the user is one of an anonymous session.
    pub(in crate::domain::jobs) async fn is_anonymous(&self, user: Id<id::User>) -> Result<bool> {
        #[derive(FromQueryResult)]
        struct Row {
            anonymous: bool,
        }
        let statement = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT anonymous FROM users WHERE id = $1",
            [user.uuid().into()],
        );
        let row = Row::find_by_statement(statement)
            .one(self.db.write())
            .await?;
        Ok(row.is_some_and(|row| row.anonymous))
    }

    /// Releases the jobs of dead workers to the queue. A job whose cancellation was requested is cancelled, and
    /// one without attempts left fails.
    pub(in crate::domain::jobs) async fn release_orphans(&self) -> Result<Vec<Job>> {
        changed(
            self.db.write(),
            "UPDATE generation_jobs SET \
                 events = events + 1, worker_id = NULL, lease_until = NULL, due_at = now(), \
                 state = CASE WHEN cancel_asked THEN 'CANCELLED' \
                              WHEN attempt < attempts THEN 'PENDING' ELSE 'FAILED' END, \
                 finished_at = CASE WHEN cancel_asked OR attempt >= attempts THEN now() END, \
                 error = CASE WHEN NOT cancel_asked THEN 'its worker went away' END, \
                 message = CASE WHEN NOT cancel_asked THEN 'its worker went away' END, remaining = NULL \
              WHERE id IN (SELECT id FROM generation_jobs \
                            WHERE state = 'RUNNING' AND lease_until < now() \
                              FOR UPDATE SKIP LOCKED)",
            [],
        )
        .await
    }

    /// Tells how far an attempt is. `None` if the job is no longer its own.
    pub(in crate::domain::jobs) async fn progress(
        &self,
        claim: Claim,
        progress: &Progress,
        remaining: Option<f32>,
    ) -> Result<Option<Job>> {
        let told = changed(
            self.db.write(),
            "UPDATE generation_jobs SET \
                 events = events + 1, fraction = $4, step = $5, message = $6, remaining = $7 \
              WHERE id = $1 AND worker_id = $2 AND attempt = $3 AND state = 'RUNNING'",
            [
                claim.job.uuid().into(),
                claim.worker.into(),
                claim.attempt.into(),
                progress.fraction.into(),
                progress.step.as_deref().into(),
                progress.message.clone().into(),
                remaining.into(),
            ],
        )
        .await?;
        Ok(told.into_iter().next())
    }

    /// Ends an attempt. `None` if the job is no longer its own: then nothing is changed.
    pub(in crate::domain::jobs) async fn end(
        &self,
        claim: Claim,
        ended: &AttemptOutcome,
    ) -> Result<Option<Job>> {
        let (state, result, error, after, counts) = match ended {
            AttemptOutcome::Completed(result) => {
                (JobState::Completed, Some(result), None, 0.0, true)
            }
            AttemptOutcome::Failed(why) => (JobState::Failed, None, Some(why), 0.0, true),
            AttemptOutcome::Retry(why, after) => (JobState::Pending, None, Some(why), *after, true),
            AttemptOutcome::Cancelled => (JobState::Cancelled, None, None, 0.0, true),
            AttemptOutcome::Released => (JobState::Pending, None, None, 0.0, false),
        };
        let ended = changed(
            self.db.write(),
            // What is to wait again ends instead where no attempt is left, or where it was asked to.
            "UPDATE generation_jobs SET \
                 events = events + 1, worker_id = NULL, lease_until = NULL, \
                 state = next.state, result = $5, error = $6, \
                 attempt = attempt - CASE WHEN next.state = 'PENDING' AND NOT $8 THEN 1 ELSE 0 END, \
                 due_at = CASE next.state WHEN 'PENDING' THEN now() + $7 * interval '1 second' ELSE due_at END, \
                 finished_at = CASE next.state WHEN 'PENDING' THEN NULL ELSE now() END, \
                 fraction = CASE next.state WHEN 'COMPLETED' THEN 1 WHEN 'PENDING' THEN NULL ELSE fraction END, \
                 step = CASE WHEN next.state IN ('COMPLETED', 'PENDING') THEN NULL ELSE step END, \
                 message = $6, remaining = NULL \
               FROM (SELECT id AS at, \
                            CASE WHEN $4 <> 'PENDING' THEN $4 \
                                 WHEN cancel_asked THEN 'CANCELLED' \
                                 WHEN $8 AND attempt >= attempts THEN 'FAILED' \
                                 ELSE 'PENDING' END AS state \
                       FROM generation_jobs \
                      WHERE id = $1 AND worker_id = $2 AND attempt = $3 AND state = 'RUNNING' \
                        FOR UPDATE) AS next \
              WHERE id = next.at",
            [
                claim.job.uuid().into(),
                claim.worker.into(),
                claim.attempt.into(),
                state.as_str().into(),
                result.cloned().into(),
                error.cloned().into(),
                after.into(),
                counts.into(),
            ],
        )
        .await?;
        Ok(ended.into_iter().next())
    }
}
