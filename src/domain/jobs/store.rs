//! Jobs in the database: making, finding and steering them. The queue's own statements are in
//! `queue`, those of events in `events`, those of schedules in `schedules`.

use std::sync::Arc;

use super::model::{Job, JobFilter, JobOrder, JobState, JobStatistics, Worker};
use super::parameters::JobParameters;
use super::service::JobChanged;
use crate::domain::auth::Viewer;
use crate::domain::job_handler::JobKind;
use crate::foundation::page::Window;
use crate::foundation::{Error, Id, Progress, Result, id};
use crate::platform::db::entities::generation_job::{Column, Entity, Model};
use crate::platform::db::keyset::{Order, ValueKind};
use crate::platform::db::{Db, filter, stored};
use crate::platform::events::{APPEND, Event};
use sea_orm::sea_query::{Expr, IntoColumnRef};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult,
    PaginatorTrait, QueryFilter, Select, Statement, Value,
};

mod events;
mod queue;
mod schedules;

pub(super) use queue::{AttemptOutcome, Claim, Heartbeat};

/// A worker that was not seen for so many seconds is gone.
pub(super) const GONE_SECONDS: f64 = 15.0;

#[derive(Clone)]
pub(super) struct Store {
    db: Db,
    /// The kinds that this program can run. Jobs of other kinds are left to other programs.
    kinds: Arc<[String]>,
}

/// The rows that `change` writes, as jobs. Each of them gets an event of the job, and a [`JobChanged`].
async fn changed(
    connection: &impl ConnectionTrait,
    change: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<Job>> {
    let sql = format!(
        "WITH changed AS ({change} RETURNING generation_jobs.*), \
         told AS ( \
            INSERT INTO job_events (job_id, number, state, attempt, fraction, step, message, remaining) \
            SELECT id, events, state, attempt, fraction, step, message, remaining FROM changed), \
         appended AS ( \
            {APPEND} SELECT '{topic}', id, job_changed(ROW(changed.*)::generation_jobs) \
              FROM changed) \
         SELECT * FROM changed",
        topic = JobChanged::TOPIC,
    );
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
    let rows = Entity::find()
        .from_raw_sql(statement)
        .all(connection)
        .await?;
    rows.into_iter().map(Job::try_from).collect()
}

impl Store {
    pub(super) fn new(db: Db, kinds: Vec<String>) -> Self {
        Self {
            db,
            kinds: kinds.into(),
        }
    }

    pub(super) fn db(&self) -> &Db {
        &self.db
    }

    /// Makes a job, in the transaction of whoever asks. Where one of its name waits to be begun for
    /// the first time, that one is made as urgent as this and due as soon, and answered if it was
    /// not; `None` if it was.
    pub(super) async fn insert(
        connection: &impl ConnectionTrait,
        job: &New,
    ) -> Result<Option<Job>> {
        let made = changed(
            connection,
            "INSERT INTO generation_jobs \
                 (id, kind, parameters, priority, owner_id, asked_by, unique_key, due_at, attempts, events) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, now() + $8 * interval '1 second', $9, 1) \
             ON CONFLICT (unique_key) WHERE state = 'PENDING' AND started_at IS NULL DO UPDATE SET \
                 events = generation_jobs.events + 1, \
                 due_at = least(generation_jobs.due_at, excluded.due_at), \
                 priority = greatest(generation_jobs.priority, excluded.priority) \
              WHERE generation_jobs.due_at > excluded.due_at \
                 OR generation_jobs.priority < excluded.priority",
            [
                job.id.uuid().into(),
                job.parameters.kind().as_str().into(),
                job.parameters.to_json()?.into(),
                job.priority.into(),
                job.owner.map(Id::uuid).into(),
                job.asked_by.clone().into(),
                job.unique_key.clone().into(),
                job.delay_seconds.into(),
                job.attempts.into(),
            ],
        )
        .await?;
        Ok(made.into_iter().next())
    }

    /// The job of this name that waits to be begun for the first time.
    pub(super) async fn waiting(
        connection: &impl ConnectionTrait,
        unique_key: &[u8],
    ) -> Result<Option<Job>> {
        let row = Entity::find()
            .filter(Column::UniqueKey.eq(unique_key))
            .filter(Column::State.eq(JobState::Pending.as_str()))
            .filter(Column::StartedAt.is_null())
            .one(connection)
            .await?;
        row.map(Job::try_from).transpose()
    }

    /// The job of this name that was begun, is not over and was not asked to end.
    pub(super) async fn begun(&self, unique_key: &[u8]) -> Result<Option<Job>> {
        let row = Entity::find()
            .filter(Column::UniqueKey.eq(unique_key))
            .filter(Column::StartedAt.is_not_null())
            .filter(Column::FinishedAt.is_null())
            .filter(Column::CancelAsked.eq(false))
            .one(self.db.write())
            .await?;
        row.map(Job::try_from).transpose()
    }

    /// Those of `ids` that the viewer may see. From where jobs are written: whoever made one a
    /// moment ago finds it.
    pub(super) async fn find_many(&self, viewer: &Viewer, ids: &[Id<id::Job>]) -> Result<Vec<Job>> {
        let rows = visible(viewer)
            .filter(filter::among(Column::Id, ids.iter().copied()))
            .all(self.db.write())
            .await?;
        rows.into_iter().map(Job::try_from).collect()
    }

    pub(super) async fn list(
        &self,
        viewer: &Viewer,
        wanted: &JobFilter,
        (order, ascending): (JobOrder, bool),
        window: &Window,
    ) -> Result<Vec<Job>> {
        let rows = keyset(order, ascending)
            .apply(listed(viewer, wanted), window)?
            .all(self.db.read())
            .await?;
        rows.into_iter().map(Job::try_from).collect()
    }

    pub(super) async fn count(&self, viewer: &Viewer, wanted: &JobFilter) -> Result<u64> {
        Ok(listed(viewer, wanted).count(self.db.read()).await?)
    }

    /// What runs, what waits (some of it, where it is much), and what ended in the last seconds, the last
    /// thousands of it.
    pub(super) async fn recent(&self, seconds: u64) -> Result<Vec<Job>> {
        let statement = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "(SELECT * FROM generation_jobs WHERE state = 'RUNNING' LIMIT 1000) UNION ALL \
             (SELECT * FROM generation_jobs WHERE state = 'PENDING' \
               ORDER BY priority DESC, due_at, id LIMIT 200) UNION ALL \
             (SELECT * FROM generation_jobs WHERE finished_at > now() - $1 * interval '1 second' \
               ORDER BY finished_at DESC LIMIT 5000)",
            [(seconds as f64).into()],
        );
        let rows = Entity::find().from_raw_sql(statement);
        let rows = rows.all(self.db.write()).await?;
        rows.into_iter().map(Job::try_from).collect()
    }

    /// Ends a job that waits; asks one that runs to end. `None` if it is in neither state.
    pub(super) async fn cancel(&self, id: Id<id::Job>) -> Result<Option<Job>> {
        let done = changed(
            self.db.write(),
            "UPDATE generation_jobs SET \
                 events = events + 1, cancel_asked = true, \
                 state = CASE state WHEN 'PENDING' THEN 'CANCELLED' ELSE state END, \
                 finished_at = CASE state WHEN 'PENDING' THEN now() END \
              WHERE id = $1 AND state IN ('PENDING', 'RUNNING')",
            [id.uuid().into()],
        )
        .await?;
        Ok(done.into_iter().next())
    }

    /// Lets a job that failed or was cancelled wait again, with as many more attempts. `None` if it
    /// is in neither state, was begun ten times, or was never begun and its like waits.
    pub(super) async fn retry(&self, id: Id<id::Job>, attempts: i16) -> Result<Option<Job>> {
        let done = changed(
            self.db.write(),
            "UPDATE generation_jobs SET \
                 events = events + 1, state = 'PENDING', due_at = now(), finished_at = NULL, \
                 cancel_asked = false, error = NULL, attempts = least(attempt + $2, 10), \
                 fraction = NULL, step = NULL, message = NULL, remaining = NULL \
              WHERE id = $1 AND state IN ('FAILED', 'CANCELLED') AND attempt < 10 \
                AND (started_at IS NOT NULL OR NOT EXISTS ( \
                    SELECT FROM generation_jobs AS other \
                     WHERE other.unique_key = generation_jobs.unique_key \
                       AND other.state = 'PENDING' AND other.started_at IS NULL))",
            [id.uuid().into(), attempts.into()],
        )
        .await?;
        Ok(done.into_iter().next())
    }

    /// Removes a job that is over, with its events. Says whether it was.
    pub(super) async fn delete(&self, id: Id<id::Job>) -> Result<bool> {
        let gone = Entity::delete_many()
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::FinishedAt.is_not_null())
            .exec(self.db.write())
            .await?;
        Ok(gone.rows_affected > 0)
    }

    pub(super) async fn statistics(&self) -> Result<Vec<JobStatistics>> {
        #[derive(FromQueryResult)]
        struct Row {
            kind: String,
            state: String,
            jobs: i64,
            seconds: Option<f64>,
            waiting: Option<f64>,
        }
        let statement = Statement::from_string(
            DbBackend::Postgres,
            "SELECT kind, state, count(*) AS jobs, \
                    avg(extract(epoch FROM finished_at - started_at))::double precision AS seconds, \
                    avg(greatest(extract(epoch FROM started_at - due_at), 0)) \
                        FILTER (WHERE started_at IS NOT NULL AND attempt <= 1)::double precision AS waiting \
               FROM generation_jobs GROUP BY kind, state ORDER BY kind, state",
        );
        let rows = Row::find_by_statement(statement)
            .all(self.db.read())
            .await?;
        let statistics = rows.into_iter().map(|row| {
            Ok(JobStatistics {
                kind: JobKind::from(row.kind),
                state: row.state.parse().map_err(stored("generation_jobs"))?,
                count: row.jobs,
                mean_seconds: row.seconds,
                mean_waiting_seconds: row.waiting,
            })
        });
        statistics.collect()
    }

    /// How many jobs wait, and how many run.
    pub(super) async fn unfinished(&self) -> Result<(i64, i64)> {
        #[derive(FromQueryResult)]
        struct Row {
            pending: i64,
            running: i64,
        }
        let statement = Statement::from_string(
            DbBackend::Postgres,
            "SELECT (SELECT count(*) FROM generation_jobs WHERE state = 'PENDING') AS pending, \
                    (SELECT count(*) FROM generation_jobs WHERE state = 'RUNNING') AS running",
        );
        let row = Row::find_by_statement(statement)
            .one(self.db.read())
            .await?;
        Ok(row.map_or((0, 0), |row| (row.pending, row.running)))
    }

    /// The workers that were seen a moment ago, the oldest first.
    pub(super) async fn workers(&self) -> Result<Vec<Worker>> {
        #[derive(FromQueryResult)]
        struct Row {
            name: String,
            slots: i32,
            running: i64,
            draining: bool,
            started_at: chrono::DateTime<chrono::Utc>,
            seen_at: chrono::DateTime<chrono::Utc>,
        }
        let statement = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT name, slots, draining, started_at, seen_at, \
                    (SELECT count(*) FROM generation_jobs \
                      WHERE state = 'RUNNING' AND worker_id = workers.id) AS running \
               FROM workers WHERE seen_at > now() - $1 * interval '1 second' \
              ORDER BY started_at, id",
            [GONE_SECONDS.into()],
        );
        let rows = Row::find_by_statement(statement)
            .all(self.db.write())
            .await?;
        let workers = rows.into_iter().map(|row| Worker {
            name: row.name,
            slots: row.slots,
            running: row.running,
            draining: row.draining,
            started_at: row.started_at,
            seen_at: row.seen_at,
        });
        Ok(workers.collect())
    }
}

/// A job to be written.
#[derive(Clone, Debug)]
pub(super) struct New {
    pub(super) id: Id<id::Job>,
    pub(super) parameters: JobParameters,
    pub(super) priority: i16,
    pub(super) owner: Option<Id<id::User>>,
    pub(super) asked_by: String,
    pub(super) unique_key: Vec<u8>,
    pub(super) delay_seconds: f64,
    pub(super) attempts: i16,
}

/// The only way to jobs on behalf of somebody: admins reach all, others their own.
fn visible(viewer: &Viewer) -> Select<Entity> {
    let all = Entity::find();
    if viewer.is_admin() {
        return all;
    }
    match viewer.user() {
        Some(user) => all.filter(Column::OwnerId.eq(user.uuid())),
        // An app's are those that it asked for itself; nobody asks for any.
        None => all.filter(Column::AskedBy.eq(viewer.name())),
    }
}

fn listed(viewer: &Viewer, wanted: &JobFilter) -> Select<Entity> {
    let column = |column: Column| Expr::col(column.into_column_ref());
    let all = Condition::all()
        .add(filter::comparison(
            &column(Column::Kind),
            &wanted.kind.map(|kind| kind.to_string()),
        ))
        .add(filter::comparison(
            &column(Column::State),
            &wanted.state.map(JobState::as_str),
        ))
        .add(filter::comparison(
            &column(Column::OwnerId),
            &wanted.owner.map(Id::uuid),
        ))
        .add(filter::comparison(
            &column(Column::CreatedAt),
            &wanted.created_at,
        ))
        .add(filter::comparison(
            &column(Column::FinishedAt),
            &wanted.finished_at,
        ));
    visible(viewer).filter(all)
}

fn keyset(order: JobOrder, ascending: bool) -> Order {
    let name = order.name();
    let by = |column, kind| Order::by(name, column, Column::Id, kind, ascending);
    match order {
        JobOrder::CreatedAt => by(Column::CreatedAt, ValueKind::Time),
        JobOrder::FinishedAt => by(Column::FinishedAt, ValueKind::Time).nullable(),
        JobOrder::Priority => by(Column::Priority, ValueKind::Integer),
    }
}

impl TryFrom<Model> for Job {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self> {
        Ok(Self {
            id: row.id.into(),
            kind: row.kind.into(),
            parameters: row.parameters,
            state: row.state.parse().map_err(stored("generation_jobs"))?,
            priority: row.priority,
            owner: row.owner_id.map(Into::into),
            asked_by: row.asked_by,
            created_at: row.created_at,
            due_at: row.due_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            attempt: row.attempt,
            attempts: row.attempts,
            cancel_asked: row.cancel_asked,
            events: row.events,
            progress: Progress {
                fraction: row.fraction,
                step: row.step.map(Into::into),
                message: row.message,
            },
            remaining: row.remaining,
            result: row.result,
            error: row.error,
        })
    }
}
