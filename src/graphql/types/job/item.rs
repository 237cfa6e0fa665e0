//! A job, and what happened to it.

use std::sync::Arc;

use async_graphql::{Context, Enum, Json, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use crate::domain::jobs::model as domain;
use crate::graphql::ContextExt;
use crate::graphql::number::{double, int};
use crate::graphql::types::user::User;

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::JobKind")]
pub enum JobKind {
    /// Writes texts.
    ContentText,
    /// Makes pictures.
    ContentImage,
    /// Computes the stored lists of one user, of some, or of all, with the model in service.
    Recommendations,
    /// Trains the collaborative model.
    Training,
    /// Learns what items are about and places each of them.
    Embeddings,
    /// Brings uploaded files in.
    Import,
    /// Measures how good the model's recipe is on held-out interactions.
    Evaluation,
    /// Computes what is asked for often, before it is asked for.
    CacheWarming,
    /// Removes a user and everything of them.
    Erasure,
    /// Sums up the hours that are over.
    Statistics,
    /// Removes what has been kept long enough.
    Retention,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::JobState")]
pub enum JobState {
    /// It waits: for its time, for a worker, or for its next attempt.
    Pending,
    /// A worker runs it.
    Running,
    /// It is done.
    Completed,
    /// It could not be done, and is not tried again.
    Failed,
    /// Somebody ended it.
    Cancelled,
}

/// How far a job is.
#[derive(Clone, Debug, SimpleObject)]
pub struct JobProgress {
    /// How much is done, in [0, 1]; null where that is not known.
    fraction: Option<f64>,
    /// What is being done.
    step: Option<String>,
    /// What there is to say beside that.
    message: Option<String>,
    /// About how many seconds it will still take, going by what it took so far.
    remaining_seconds: Option<f64>,
}

impl From<domain::Progress> for JobProgress {
    fn from(progress: domain::Progress) -> Self {
        Self {
            fraction: progress.fraction.map(double),
            step: progress.step,
            message: progress.message,
            remaining_seconds: progress.remaining.map(double),
        }
    }
}

/// A piece of background work. Its owner and admins see it.
#[derive(Clone, Debug)]
pub struct Job(pub Arc<domain::Job>);

impl From<domain::Job> for Job {
    fn from(job: domain::Job) -> Self {
        Self(Arc::new(job))
    }
}

/// A piece of background work. Its owner and admins see it.
#[Object(name = "GenerationJob")]
impl Job {
    /// Opaque and unique.
    pub async fn id(&self) -> async_graphql::ID {
        self.0.id.into()
    }

    /// What it does.
    async fn kind(&self) -> JobKind {
        self.0.kind().into()
    }

    /// With what it was asked for, as it is kept: an object with `kind`.
    async fn parameters(&self) -> Result<Json<serde_json::Value>> {
        Ok(Json(serde_json::to_value(&self.0.parameters)?))
    }

    /// Where it stands.
    async fn state(&self) -> JobState {
        self.0.state.into()
    }

    /// The greater ones are begun first; -100 to 100.
    async fn priority(&self) -> i32 {
        self.0.priority.into()
    }

    /// The user who asked for it; null for a schedule, an app, the shell, and a user who is gone.
    async fn owner(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let Some(owner) = self.0.owner else {
            return Ok(None);
        };
        Ok(ctx.loaders().users.load_one(owner).await?.map(Into::into))
    }

    /// Who asked for it: the id of a user or a key, `command`, or `schedule` and its name.
    async fn asked_by(&self) -> &str {
        &self.0.asked_by
    }

    /// When it was asked for.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// It is not begun before this moment.
    async fn due_at(&self) -> DateTime<Utc> {
        self.0.due_at
    }

    /// When it was first begun.
    async fn started_at(&self) -> Option<DateTime<Utc>> {
        self.0.started_at
    }

    /// Since when it is over.
    async fn finished_at(&self) -> Option<DateTime<Utc>> {
        self.0.finished_at
    }

    /// How often it was begun.
    async fn attempt(&self) -> i32 {
        self.0.attempt.into()
    }

    /// How often it may be begun.
    async fn max_attempts(&self) -> i32 {
        self.0.attempts.into()
    }

    /// Whether a running job was asked to end.
    async fn cancel_requested(&self) -> bool {
        self.0.cancel_asked
    }

    /// The number of its latest event: pass it as `after` of `jobProgress` to hear only the news.
    async fn last_event(&self) -> i32 {
        int(self.0.events)
    }

    /// How far it is.
    async fn progress(&self) -> JobProgress {
        self.0.progress.clone().into()
    }

    /// What came of it, an object that depends upon the kind; null until it is done.
    async fn result(&self) -> Option<Json<&serde_json::Value>> {
        self.0.result.as_ref().map(Json)
    }

    /// Why it could not be done, or why it is tried again.
    async fn error(&self) -> Option<&str> {
        self.0.error.as_deref()
    }
}

/// Something that happened to a job. The events of a job are numbered from 1, without a gap.
#[derive(Clone, Debug)]
pub struct JobEvent {
    /// The event.
    pub event: Arc<domain::JobEvent>,
    /// Of which job.
    pub job: crate::foundation::Id<crate::foundation::id::Job>,
}

/// Something that happened to a job. The events of a job are numbered from 1, without a gap.
#[Object]
impl JobEvent {
    /// Its number: pass the last one that was seen as `after` to go on behind it.
    async fn number(&self) -> i32 {
        int(self.event.number)
    }

    /// The id of the job.
    async fn job_id(&self) -> async_graphql::ID {
        self.job.into()
    }

    /// When it happened.
    async fn at(&self) -> DateTime<Utc> {
        self.event.at
    }

    /// Where the job stood then.
    async fn state(&self) -> JobState {
        self.event.state.into()
    }

    /// Which attempt it was; 0 before the first.
    async fn attempt(&self) -> i32 {
        self.event.attempt.into()
    }

    /// How far the job was.
    async fn progress(&self) -> JobProgress {
        self.event.progress.clone().into()
    }

    /// The job as it is now; null if it was deleted.
    async fn job(&self, ctx: &Context<'_>) -> Result<Option<Job>> {
        Ok(ctx.loaders().jobs.load_one(self.job).await?.map(Into::into))
    }
}
