//! What the tests of jobs share: a small world, workers, gates that hold a job, and waiting.

use std::future::Future;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use marquee::domain::auth::{Role, Viewer};
use marquee::domain::caching::warming::CacheWarmingJob;
use marquee::domain::caching::warming::CacheWarmingParameters;
use marquee::domain::jobs::JobParameters;
use marquee::domain::jobs::model::{CreateOutcome, Job, JobEvent, JobState, NewJob};
use marquee::domain::jobs::{JobService, Workers};
use marquee::domain::recommendations::jobs::TrainingJob;
use marquee::domain::recommendations::training::TrainingOptions;
use marquee::domain::{SchemaContext, Services};
use marquee::foundation::{Error, Id, Refusal, id};
use marquee::platform::cache::Caches;
use marquee::platform::db::Db;
use marquee::platform::events::EventListener;
use serde_json::Value;
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

use crate::support::TestApp;
use crate::support::worlds::TwoTastes;

/// The longest that anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for what must come.
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("it comes in time")
}

/// Settings with which nothing is given up while a gate is closed.
pub fn patient() -> platform::config::Settings {
    let mut settings = crate::support::settings();
    settings.database.statement_timeout_ms = 60_000;
    settings
}

/// A job of which any number can wait beside each other, and which is done at once.
pub fn trifle(number: u16) -> JobParameters {
    JobParameters::of::<CacheWarmingJob>(CacheWarmingParameters {
        queries: number,
        users: 0,
    })
}

/// A training as it comes.
pub fn training() -> JobParameters {
    JobParameters::of::<TrainingJob>(TrainingOptions::default())
}

pub async fn ask(app: &TestApp, parameters: JobParameters) -> Job {
    ask_as(app, &Viewer::Command, parameters).await
}

pub async fn ask_as(app: &TestApp, viewer: &Viewer, parameters: JobParameters) -> Job {
    let new = NewJob::now(parameters);
    let CreateOutcome { job, joined, .. } = app.services.jobs.create(viewer, new).await.unwrap();
    assert!(!joined, "{job:?} waits already");
    job
}

/// A worker of this process.
pub fn worker(services: &Arc<Services>, slots: usize) -> Workers {
    Workers::start([services.jobs.clone()], slots, "test/1")
}

/// Lets a worker stop, and gives what it runs so long to end.
pub async fn stop(workers: Workers, patience: Duration) {
    soon(workers.drain(patience)).await;
}

pub async fn job(services: &Services, id: Id<id::Job>) -> Job {
    let found = services.jobs.find(&Viewer::Command, id).await.unwrap();
    found.expect("the job is there")
}

/// The events of a job behind number `after`, until it is over.
pub async fn events(jobs: &JobService, id: Id<id::Job>, after: i64) -> Vec<Arc<JobEvent>> {
    let stream = jobs.follow(&Viewer::Command, id, after).await.unwrap();
    soon(stream.collect()).await
}

/// The job when it is over.
pub async fn over(app: &TestApp, id: Id<id::Job>) -> Job {
    events(&app.services.jobs, id, 0).await;
    job(&app.services, id).await
}

/// Waits until the first event behind `after` that fits.
pub async fn event(
    app: &TestApp,
    id: Id<id::Job>,
    after: i64,
    fits: impl Fn(&JobEvent) -> bool,
) -> Arc<JobEvent> {
    let stream = app.services.jobs.follow(&Viewer::Command, id, after);
    let mut stream = std::pin::pin!(stream.await.unwrap());
    loop {
        let event = soon(stream.next()).await.expect("the job is over before");
        if fits(&event) {
            return event;
        }
    }
}

/// Waits until a job runs.
pub async fn runs(app: &TestApp, id: Id<id::Job>) -> Arc<JobEvent> {
    event(app, id, 0, |event| event.state == JobState::Running).await
}

pub async fn next<T>(stream: &mut (impl Stream<Item = T> + Unpin)) -> T {
    soon(stream.next()).await.expect("there is more")
}

/// Runs a statement that changes something; `id` is its `$1`.
pub async fn sql(app: &TestApp, statement: &'static str, id: Id<id::Job>) {
    let done = sqlx::query(statement).bind(id.uuid());
    done.execute(app.ctx.db.pool()).await.unwrap();
}

pub async fn count(app: &TestApp, statement: &'static str) -> i64 {
    let count = sqlx::query_scalar(statement);
    count.fetch_one(app.ctx.db.pool()).await.unwrap()
}

/// A row as JSON.
pub async fn row(app: &TestApp, id: Id<id::Job>) -> Value {
    let row = sqlx::query_scalar("SELECT to_jsonb(j) FROM generation_jobs j WHERE id = $1");
    row.bind(id.uuid())
        .fetch_one(app.ctx.db.pool())
        .await
        .unwrap()
}

/// Makes a job that waits look like one whose worker died while it ran.
pub async fn orphan(app: &TestApp, id: Id<id::Job>) {
    let statement = "WITH changed AS (
            UPDATE generation_jobs SET state = 'RUNNING', worker_id = gen_random_uuid(),
                   lease_until = now() - interval '1 second', attempt = attempt + 1,
                   started_at = coalesce(started_at, now()), events = events + 1
             WHERE id = $1 AND state = 'PENDING' RETURNING *)
        INSERT INTO job_events (job_id, number, state, attempt)
        SELECT id, events, state, attempt FROM changed";
    sql(app, statement, id).await;
}

/// What a refusal says.
pub fn conflict<T: std::fmt::Debug>(outcome: Result<T, Error>) -> String {
    match outcome {
        Err(Error::Refused(Refusal::Conflict { message })) => message,
        other => panic!("no conflict: {other:?}"),
    }
}

pub fn is_not_found<T>(outcome: Result<T, Error>) -> bool {
    let not_found = |refusal: &Refusal| *refusal == Refusal::NotFound { thing: "job" };
    matches!(outcome, Err(Error::Refused(refusal)) if not_found(&refusal))
}

/// Holds a table, so that a job which writes it stands still.
pub struct TableLock(PgConnection);

impl TableLock {
    /// Holds the job that sums up.
    pub async fn close(app: &TestApp) -> Self {
        let schema = app.ctx.db.schema();
        let mut connection = PgConnection::connect(&app.url).await.unwrap();
        let lock = format!("BEGIN; LOCK TABLE \"{schema}\".hourly_statistics IN SHARE MODE");
        let lock = sqlx::raw_sql(sqlx::AssertSqlSafe(lock));
        lock.execute(&mut connection).await.unwrap();
        Self(connection)
    }

    pub async fn open(mut self) {
        let commit = sqlx::raw_sql("COMMIT");
        commit.execute(&mut self.0).await.unwrap();
    }
}

/// Holds what a statement locks.
pub struct HeldTable(PgConnection);

impl HeldTable {
    pub async fn close(app: &TestApp, lock: &str) -> Self {
        let schema = app.ctx.db.schema();
        let mut connection = PgConnection::connect(&app.url).await.unwrap();
        let lock = format!("BEGIN; SET LOCAL search_path TO \"{schema}\"; {lock}");
        let lock = sqlx::raw_sql(sqlx::AssertSqlSafe(lock));
        lock.execute(&mut connection).await.unwrap();
        Self(connection)
    }

    /// Waits until somebody waits for it.
    pub async fn is_waited_for(&mut self) {
        let waits = "SELECT EXISTS (SELECT FROM pg_locks \
                      WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))";
        while !sqlx::query_scalar::<_, bool>(waits)
            .fetch_one(&mut self.0)
            .await
            .unwrap()
        {
            tokio::task::yield_now().await;
        }
    }

    pub async fn open(mut self) {
        let commit = sqlx::raw_sql("COMMIT");
        commit.execute(&mut self.0).await.unwrap();
    }
}

/// Makes summing up fail from now on, each time.
pub async fn break_summing_up(app: &TestApp) {
    rename(app, "hourly_statistics", "put_away").await;
}

/// Lets it be done again.
pub async fn mend_summing_up(app: &TestApp) {
    rename(app, "put_away", "hourly_statistics").await;
}

/// Renames a table, which only its owner may.
pub async fn rename(app: &TestApp, table: &str, name: &str) {
    let schema = app.ctx.db.schema();
    let mut owner = PgConnection::connect(&app.url).await.unwrap();
    let rename = format!("ALTER TABLE \"{schema}\".{table} RENAME TO {name}");
    let rename = sqlx::raw_sql(sqlx::AssertSqlSafe(rename));
    rename.execute(&mut owner).await.unwrap();
}

/// Another process on the same schema: its own pools, events and caches.
pub async fn twin(ctx: &SchemaContext, url: &str) -> Arc<Services> {
    let settings = &ctx.settings;
    let name = ctx.db.schema();
    let caches = Caches::open(settings, ctx.clock.clone(), ctx.rng.clone()).unwrap();
    let ctx = SchemaContext {
        db: Db::connect(&settings.database, url, name).await.unwrap(),
        cache: caches.of(name),
        events: EventListener::new(url).unwrap().of(name),
        ..ctx.clone()
    };
    Arc::new(Services::new(&ctx))
}

/// The world of two tastes.
pub struct World {
    pub app: TestApp,
    pub users: Vec<Id<id::User>>,
    pub items: Vec<Id<id::Content>>,
}

impl World {
    pub async fn new(users: usize, items: usize) -> Self {
        let app = TestApp::with(patient()).await;
        let TwoTastes { users, items } = TwoTastes::fill(&app, users, items).await;
        Self { app, users, items }
    }

    /// The same, with a model in service.
    pub async fn trained(users: usize, items: usize) -> Self {
        let world = Self::new(users, items).await;
        let service = &world.app.services.recommendations;
        let go_on = |_| ControlFlow::Continue(());
        let trained = service
            .train(&Viewer::Command, TrainingOptions::default(), go_on)
            .await;
        trained.unwrap();
        world
    }

    pub fn viewer(&self, user: usize) -> Viewer {
        Viewer::User {
            id: self.users[user],
            role: Role::User,
            session: Id::new(&self.app.ctx.clock, &self.app.ctx.rng),
        }
    }

    /// Which model serves, and all stored lists, as one text.
    pub async fn served(&self) -> String {
        let all = sqlx::query_scalar(
            "SELECT (SELECT id::text FROM model_versions WHERE kind = 'COLLABORATIVE' AND state = 'ACTIVE')
                 || string_agg(b::text, ';' ORDER BY user_id)
               FROM batch_recommendations b
              WHERE model_version_id = (SELECT id FROM model_versions WHERE kind = 'COLLABORATIVE' AND state = 'ACTIVE')",
        );
        all.fetch_one(self.app.ctx.db.pool()).await.unwrap()
    }
}
