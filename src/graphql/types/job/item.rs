//! A job, and what happened to it.

use std::sync::Arc;

use async_graphql::{Context, Object, Result, SimpleObject};

use super::{JobKind, JobOutcome};
use crate::domain::jobs::model as domain;
use crate::foundation::Progress;
use crate::graphql::ContextExt;
use crate::graphql::enums::graphql_enum;
use crate::graphql::number::{double, int};
use crate::graphql::scalars::{DateTime, Json};
use crate::graphql::types::user::User;

graphql_enum!(domain::JobState as JobState);

/// Progress of a job.
#[derive(Clone, Debug, SimpleObject)]
pub struct JobProgress {
    /// Fraction of the work that is done, in [0, 1]; null if unknown.
    fraction: Option<f64>,
    /// Name of the current step; null if none is in progress or known.
    step: Option<String>,
    /// Additional information about the progress; null if there is none.
    message: Option<String>,
    /// Estimated remaining time, in seconds; null if unknown.
    remaining_seconds: Option<f64>,
}

impl JobProgress {
    fn new(progress: &Progress, remaining: Option<f32>) -> Self {
        Self {
            fraction: progress.fraction.map(double),
            step: progress.step.as_ref().map(ToString::to_string),
            message: progress.message.clone(),
            remaining_seconds: remaining.map(double),
        }
    }
}

/// A background job. Visible to its owner and admins.
#[derive(Clone, Debug)]
pub struct Job(pub Arc<domain::Job>);

impl From<domain::Job> for Job {
    fn from(job: domain::Job) -> Self {
        Self(Arc::new(job))
    }
}

/// A background job. Visible to its owner and admins.
#[Object(name = "GenerationJob")]
impl Job {
    /// Opaque, globally unique ID.
    pub async fn id(&self) -> async_graphql::ID {
        self.0.id.into()
    }

    /// Kind of work that the job does.
    async fn kind(&self) -> Result<JobKind> {
        Ok(JobKind::of(&self.0.kind)?)
    }

    /// Parameters of the job, as a JSON object whose key `kind` is the kind of the job.
    async fn parameters(&self) -> Json {
        Json::of_singles(&self.0.parameters)
    }

    /// State of the job.
    async fn state(&self) -> JobState {
        self.0.state.into()
    }

    /// Priority of the job, -100 to 100. Jobs with higher priority start first.
    async fn priority(&self) -> i32 {
        self.0.priority.into()
    }

    /// The user who created the job. Null if it was created by a schedule, an API key or on the
    /// command line, if the user was erased, and if the viewer may not see the user.
    async fn owner(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let Some(owner) = self.0.owner else {
            return Ok(None);
        };
        Ok(ctx.loaders().users.load_one(owner).await?.map(Into::into))
    }

    /// Who created the job: the ID of a user or an API key, `command` for the command line, or
    /// `schedule` followed by the name of the schedule.
    async fn asked_by(&self) -> &str {
        &self.0.asked_by
    }

    /// Time when the job was created.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// Earliest time when the job may start.
    async fn due_at(&self) -> DateTime {
        DateTime(self.0.due_at)
    }

    /// Time when the job first started; null if it has not started.
    async fn started_at(&self) -> Option<DateTime> {
        self.0.started_at.map(DateTime)
    }

    /// Time when the job was completed, failed or was cancelled; null if it is not over.
    async fn finished_at(&self) -> Option<DateTime> {
        self.0.finished_at.map(DateTime)
    }

    /// Number of times that the job was started.
    async fn attempt(&self) -> i32 {
        self.0.attempt.into()
    }

    /// Number of times that the job may be started, including automatic retries.
    async fn max_attempts(&self) -> i32 {
        self.0.attempts.into()
    }

    /// Whether the job was asked to stop.
    async fn cancel_requested(&self) -> bool {
        self.0.cancel_asked
    }

    /// Number of the latest event of the job. Pass it as `after` to the subscription `jobProgress`
    /// to receive only later events.
    async fn last_event(&self) -> i32 {
        int(self.0.events)
    }

    /// Progress of the current or last attempt.
    async fn progress(&self) -> JobProgress {
        JobProgress::new(&self.0.progress, self.0.remaining)
    }

    /// Result of the job, typed by its kind; null until the job is completed.
    #[graphql(complexity = "2 + child_complexity")]
    async fn outcome(&self) -> Option<JobOutcome> {
        JobOutcome::read(&self.0.kind, self.0.result.as_ref()?)
    }

    /// Result of the job, as a JSON object that depends on its kind; null until the job is
    /// completed.
    async fn result(&self) -> Option<Json> {
        self.0.result.as_ref().map(Json::of_singles)
    }

    /// Why the job failed, or why it is retried; null if it did not fail.
    async fn error(&self) -> Option<&str> {
        self.0.error.as_deref()
    }
}

/// A change of the state or progress of a job. The events of a job are numbered consecutively from
/// 1.
#[derive(Clone, Debug)]
pub struct JobEvent {
    /// The event.
    pub event: Arc<domain::JobEvent>,
    /// ID of the job that the event belongs to.
    pub job: foundation::Id<foundation::id::Job>,
}

/// A change of the state or progress of a job. The events of a job are numbered consecutively from
/// 1.
#[Object]
impl JobEvent {
    /// Number of the event, starting at 1. Pass the last number received as `after` to the
    /// subscription `jobProgress` to resume.
    async fn number(&self) -> i32 {
        int(self.event.number)
    }

    /// ID of the job that the event belongs to.
    async fn job_id(&self) -> async_graphql::ID {
        self.job.into()
    }

    /// Time of the event.
    async fn at(&self) -> DateTime {
        DateTime(self.event.at)
    }

    /// State of the job at that time.
    async fn state(&self) -> JobState {
        self.event.state.into()
    }

    /// Number of the attempt at that time; 0 before the first attempt.
    async fn attempt(&self) -> i32 {
        self.event.attempt.into()
    }

    /// Progress of the job at that time.
    async fn progress(&self) -> JobProgress {
        JobProgress::new(&self.event.progress, self.event.remaining)
    }

    /// The job in its current state; null if it was deleted.
    async fn job(&self, ctx: &Context<'_>) -> Result<Option<Job>> {
        Ok(ctx.loaders().jobs.load_one(self.job).await?.map(Into::into))
    }
}
