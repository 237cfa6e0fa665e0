//! Creating, reading and controlling jobs.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

use super::event_stream::Feeds;
use super::job_stream::Recent;
use super::model::{
    CreateOutcome, Job, JobFilter, JobOrder, JobState, JobStatistics, NewJob, Worker,
};
use super::registry::JobRegistry;
use super::schedule::Schedules;
use super::store::{New, Store};
use crate::domain::SchemaContext;
use crate::domain::auth::Viewer;
use crate::foundation::page::{Page, Window};
use crate::foundation::{Clock, Error, Id, Refusal, Result, Rng, id};
use crate::platform::events::{Event, Events};

/// The number of attempts of a job: one and three retries.
pub const ATTEMPTS: i16 = 4;

/// The jobs of one schema.
#[derive(Clone)]
pub struct JobService {
    pub(super) store: Store,
    pub(super) registry: Arc<JobRegistry>,
    /// How many jobs of one user may wait, and of one of an anonymous session.
    max_waiting: u64,
    max_waiting_anonymous: u64,
    pub(super) schedules: Schedules,
    pub(super) events: Events,
    pub(super) clock: Clock,
    pub(super) rng: Rng,
    pub(super) feeds: Arc<Feeds>,
    /// Jobs in the state of an event, shared by many streams.
    pub(super) seen: Cache<(Id<id::Job>, i64), Option<Job>>,
    /// The result of polling for job streams.
    /// By the second of the reading, and how many seconds before it the oldest of the jobs ended.
    pub(super) recent: Cache<(u64, u64), Arc<Recent>>,
    pub(super) began: Instant,
}

/// The event of a changed or removed job, as the function `job_changed` of the database makes it. It is written
/// by the statements that change jobs, and by a trigger where one is removed: then the number is that after the
/// last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobChanged {
    /// The job.
    pub job: Uuid,
    /// The number of the job event.
    pub event: i64,
    /// Its state.
    pub state: JobState,
    /// The user whose job it is.
    pub owner: Option<Uuid>,
    /// Who asked for it.
    pub asked_by: String,
    /// In how many seconds a waiting job is due.
    pub due_in: f64,
    /// Whether a running job must stop.
    pub cancel: bool,
}

impl Event for JobChanged {
    const TOPIC: &'static str = "jobs";

    fn key(&self) -> Option<Uuid> {
        Some(self.job)
    }
}

impl JobService {
    /// The jobs of the schema of `ctx`, of the kinds of `registry`.
    pub fn new(ctx: &SchemaContext, registry: JobRegistry) -> Self {
        Self {
            store: Store::new(ctx.db.clone(), registry.kinds()),
            schedules: Schedules::new(ctx, &registry),
            registry: Arc::new(registry),
            max_waiting: ctx.settings.jobs.max_waiting_per_user,
            max_waiting_anonymous: ctx.settings.jobs.max_waiting_anonymous,
            events: ctx.events.clone(),
            clock: ctx.clock.clone(),
            rng: ctx.rng.clone(),
            feeds: Arc::default(),
            seen: Cache::builder()
                .max_capacity(10_000)
                .time_to_live(Duration::from_secs(60))
                .build(),
            recent: Cache::builder()
                .max_capacity(8)
                .time_to_live(Duration::from_secs(2))
                .build(),
            began: Instant::now(),
        }
    }

    /// Asks for a job. The same job that waits already is joined: nothing is made then, and what
    /// waits becomes as urgent as what was asked for and due as soon. The same content that is being
    /// made is joined too. Where no worker is there the job waits, and the answer says so.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] for parameters out of range and for a priority that is for admins,
    /// [`Error::Forbidden`] for a job that the viewer may not ask for, [`Refusal::Conflict`] for one
    /// who has too many waiting.
    pub async fn create(&self, viewer: &Viewer, new: NewJob) -> Result<CreateOutcome> {
        let stored = new.parameters.to_json()?;
        self.registry
            .check_access(viewer, &new.parameters.kind(), &stored)?;
        new.check()?;
        new.parameters.check()?;
        if new.priority > new.parameters.usual_priority() && !viewer.is_admin() {
            let message = "only admins put a job before those of others; 0 is the usual";
            return Err(Refusal::invalid("priority", message).into());
        }
        self.may_wait(viewer).await?;
        let new = self.prepared(viewer, new)?;
        // Before the job is there: what fails here leaves none behind.
        let workers = self.store.workers().await?;
        let workers = workers.iter().any(|worker| !worker.draining);
        loop {
            if new.parameters.joins_running()
                && let Some(job) = self.store.begun(&new.unique_key).await?
            {
                return Ok(CreateOutcome {
                    job,
                    joined: true,
                    workers,
                });
            }
            let written = Store::insert(self.store.db().write(), &new).await?;
            let job = match written {
                Some(job) => Some(job),
                None => Store::waiting(self.store.db().write(), &new.unique_key).await?,
            };
            // Between the two statements a worker may have begun the one that waited.
            if let Some(job) = job {
                return Ok(CreateOutcome {
                    joined: job.id != new.id,
                    job,
                    workers,
                });
            }
        }
    }

    pub(super) fn prepared(&self, viewer: &Viewer, new: NewJob) -> Result<New> {
        let NewJob {
            parameters,
            priority,
            delay,
        } = new;
        let mut unique_key = parameters.digest()?;
        // Joined only by the same viewer: where two who ask for the same want two, and where who joins could
        // not see the job of the other.
        if parameters.joins_running() || !viewer.is_admin() {
            unique_key.extend(viewer.name().into_bytes());
        }
        Ok(New {
            id: Id::new(&self.clock, &self.rng),
            owner: viewer.user(),
            asked_by: viewer.name(),
            unique_key,
            delay_seconds: delay.as_secs_f64(),
            attempts: ATTEMPTS,
            parameters,
            priority,
        })
    }

    /// A job, if it is there and the viewer may see it: their own, or any for admins.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find(&self, viewer: &Viewer, id: Id<id::Job>) -> Result<Option<Job>> {
        Ok(self.find_many(viewer, &[id]).await?.into_iter().next())
    }

    /// Those of `ids` that are there and that the viewer may see.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_many(&self, viewer: &Viewer, ids: &[Id<id::Job>]) -> Result<Vec<Job>> {
        if *viewer == Viewer::Nobody {
            return Ok(Vec::new());
        }
        self.store.find_many(viewer, ids).await
    }

    /// The viewer's jobs; all for admins.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for nobody, [`Refusal::InvalidInput`] for a filter that is too
    /// large and for a cursor of another order.
    pub async fn list(
        &self,
        viewer: &Viewer,
        filter: &JobFilter,
        order: (JobOrder, bool),
        window: &Window,
    ) -> Result<Page<Job>> {
        signed_in(viewer)?;
        filter.check()?;
        let rows = self.store.list(viewer, filter, order, window).await?;
        Ok(Page::cut(window, rows))
    }

    /// How many jobs a list has in all.
    ///
    /// # Errors
    /// The same as for [`JobService::list`].
    pub async fn count(&self, viewer: &Viewer, filter: &JobFilter) -> Result<u64> {
        signed_in(viewer)?;
        filter.check()?;
        self.store.count(viewer, filter).await
    }

    /// Ends a job: at once if it waits, within a second or two if it runs. What it had computed so
    /// far is dropped; what was served before stays.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for a job that is not there or is somebody else's,
    /// [`Refusal::Conflict`] for one that is over.
    pub async fn cancel(&self, viewer: &Viewer, id: Id<id::Job>) -> Result<Job> {
        let job = self.own(viewer, id).await?;
        match self.store.cancel(id).await? {
            Some(job) => Ok(job),
            None => Err(state_forbids(&self.own(viewer, job.id).await?, "cancelled")),
        }
    }

    /// Lets a job that failed or was cancelled wait again.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for a job that is not there or is somebody else's,
    /// [`Error::Forbidden`] for what the viewer may no longer ask for, [`Refusal::Conflict`] for one
    /// of a kind that this server does not know, or in another state, or that was begun ten times, or that was
    /// never begun while its like waits, and for one who has too many waiting.
    pub async fn retry(&self, viewer: &Viewer, id: Id<id::Job>) -> Result<Job> {
        let job = self.own(viewer, id).await?;
        self.registry
            .check_access(viewer, &job.kind, &job.parameters)?;
        if job.state.is_over() {
            self.may_wait(viewer).await?;
        }
        match self.store.retry(id, ATTEMPTS).await? {
            Some(job) => Ok(job),
            None => Err(state_forbids(&self.own(viewer, id).await?, "retried")),
        }
    }

    /// Removes a job that is over, with its events. What it made stays.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for a job that is not there or is somebody else's,
    /// [`Refusal::Conflict`] for one that is not over.
    pub async fn delete(&self, viewer: &Viewer, id: Id<id::Job>) -> Result<Id<id::Job>> {
        self.own(viewer, id).await?;
        if self.store.delete(id).await? {
            return Ok(id);
        }
        let message = "the job is not over; cancel it first";
        Err(conflict(message))
    }

    /// How the jobs that are kept did, by kind and state. For admins.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`].
    pub async fn statistics(&self, viewer: &Viewer) -> Result<Vec<JobStatistics>> {
        viewer.admin()?;
        self.store.statistics().await
    }

    /// The workers that are there. For admins.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`].
    pub async fn workers(&self, viewer: &Viewer) -> Result<Vec<Worker>> {
        viewer.admin()?;
        self.store.workers().await
    }

    /// How many processes run jobs now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_workers(&self) -> Result<usize> {
        Ok(self.store.workers().await?.len())
    }

    /// How many jobs wait, and how many run.
    ///
    /// # Errors
    /// When the database fails.
    pub(in crate::domain) async fn unfinished_counts(&self) -> Result<(i64, i64)> {
        self.store.unfinished().await
    }

    /// Refuses one who is no admin and has many jobs waiting.
    async fn may_wait(&self, viewer: &Viewer) -> Result<()> {
        if viewer.is_admin() {
            return Ok(());
        }
        let mut waiting = JobFilter::default();
        waiting.state.eq = Some(JobState::Pending);
        let most = match viewer.user() {
            Some(user) if self.store.is_anonymous(user).await? => self.max_waiting_anonymous,
            _ => self.max_waiting,
        };
        if self.store.count(viewer, &waiting).await? < most {
            return Ok(());
        }
        let message = format!("{most} jobs of yours wait already; try again later");
        Err(conflict(&message))
    }

    async fn own(&self, viewer: &Viewer, id: Id<id::Job>) -> Result<Job> {
        signed_in(viewer)?;
        self.find(viewer, id).await?.ok_or_else(not_found)
    }
}

fn signed_in(viewer: &Viewer) -> Result<()> {
    match viewer {
        Viewer::Nobody => Err(Error::signed_out()),
        _ => Ok(()),
    }
}

fn state_forbids(job: &Job, what: &str) -> Error {
    let state = job.state.as_str();
    match job.state {
        JobState::Failed | JobState::Cancelled if what == "retried" => match job.started_at {
            Some(_) => conflict("the job was begun ten times; ask for a new one"),
            None => conflict("the same waits already"),
        },
        _ => conflict(&format!("a job that is {state} cannot be {what}")),
    }
}

fn conflict(message: &str) -> Error {
    Refusal::Conflict {
        message: message.to_owned(),
    }
    .into()
}

/// Says that there is no such job, or none for this viewer.
pub fn not_found() -> Error {
    Refusal::NotFound { thing: "job" }.into()
}
