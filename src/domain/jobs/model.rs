//! Jobs, their states and their events.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::parameters::{JobParameters, from_json};
use crate::domain::job_handler::{JobHandler, JobKind};
use crate::foundation::filter::Comparison;
use crate::foundation::page::Cursor;
use crate::foundation::{Error, Findings, Id, Progress, Refusal, Result, id, text_enum};

text_enum! {
    /// State of a job.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum JobState {
        /// Waiting for its start time, for a worker or for the next attempt.
        Pending = "PENDING",
        /// Currently executed by a worker.
        Running = "RUNNING",
        /// Finished successfully.
        Completed = "COMPLETED",
        /// Failed; not retried automatically.
        Failed = "FAILED",
        /// Cancelled before it was finished.
        Cancelled = "CANCELLED",
    }
}

impl JobState {
    /// Whether the state is final, unless the job is retried by hand.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// Whether a job may change from this state to `next`. RUNNING to PENDING is another attempt, or a worker
    /// that stops in order; FAILED and CANCELLED to PENDING is `retryJob`.
    pub fn may_become(self, next: Self) -> bool {
        use JobState::{Cancelled, Completed, Failed, Pending, Running};
        matches!(
            (self, next),
            (Pending, Running | Cancelled)
                | (Running, Pending | Completed | Failed | Cancelled)
                | (Failed | Cancelled, Pending)
        )
    }
}

/// A piece of background work.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Which.
    pub id: Id<id::Job>,
    /// What it does. Another version of the program may have created a job of a kind that this version does
    /// not know.
    pub kind: JobKind,
    /// With what: a JSON object of the parameters and the key `kind`.
    pub parameters: Value,
    /// Where it stands.
    pub state: JobState,
    /// The greater ones first; -100 to 100.
    pub priority: i16,
    /// The user who asked for it; `None` for a schedule, an app, the shell, or a user who is gone.
    pub owner: Option<Id<id::User>>,
    /// How the audit log names whoever asked.
    pub asked_by: String,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// It is not begun before this moment.
    pub due_at: DateTime<Utc>,
    /// When it was first begun.
    pub started_at: Option<DateTime<Utc>>,
    /// Since when it is over.
    pub finished_at: Option<DateTime<Utc>>,
    /// How often it was begun.
    pub attempt: i16,
    /// How often it may be begun.
    pub attempts: i16,
    /// Whether somebody asked a running job to end.
    pub cancel_asked: bool,
    /// The number of its latest event.
    pub events: i64,
    /// How far it is.
    pub progress: Progress,
    /// The estimated remaining time in seconds; `None` where it is unknown.
    pub remaining: Option<f32>,
    /// What came of it, by kind.
    pub result: Option<Value>,
    /// Why it could not be done, or why it is tried again.
    pub error: Option<String>,
}

impl Job {
    /// The parameters of a job of the kind of `H`; `None` for a job of another kind.
    ///
    /// # Errors
    /// [`Error::Internal`] for parameters that this version of the program cannot read.
    pub fn parameters_of<H: JobHandler>(&self) -> Result<Option<H::Parameters>> {
        if self.kind != H::KIND {
            return Ok(None);
        }
        let read = from_json(&self.parameters);
        read.map(Some).map_err(|error| {
            let (job, kind) = (self.id, &self.kind);
            Error::Internal(anyhow::anyhow!("the parameters of {job}, {kind}: {error}"))
        })
    }
}

/// Something that happened to a job.
#[derive(Clone, Debug, PartialEq)]
pub struct JobEvent {
    /// Counts the events of a job from 1, without a gap.
    pub number: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Where the job stood then.
    pub state: JobState,
    /// Which attempt it was; 0 before the first.
    pub attempt: i16,
    /// How far the job was.
    pub progress: Progress,
    /// The estimated remaining time in seconds; `None` where it was unknown.
    pub remaining: Option<f32>,
}

/// A job to create.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// What to do.
    pub parameters: JobParameters,
    /// The greater ones first; -100 to 100.
    pub priority: i16,
    /// How long to wait before it is begun.
    pub delay: Duration,
}

/// The longest that a job may be put off.
const MOST_DELAY: Duration = Duration::from_secs(30 * 24 * 60 * 60);

impl NewJob {
    /// A job that is begun as soon as a worker has time, as urgent as its like usually is.
    pub fn now(parameters: JobParameters) -> Self {
        Self {
            priority: parameters.usual_priority(),
            parameters,
            delay: Duration::ZERO,
        }
    }

    /// Checks priority and delay; the parameters are checked by what they are for.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`].
    pub fn check(&self) -> Result<(), Refusal> {
        let mut findings = Findings::default();
        findings.require(
            (-100..=100).contains(&self.priority),
            "priority",
            "a priority is between -100 and 100; 0 is the usual",
        );
        findings.require(
            self.delay <= MOST_DELAY,
            "delaySeconds",
            "a job can be put off by 30 days (2,592,000 seconds) at most",
        );
        findings.finish()
    }
}

/// The result of creating a job.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateOutcome {
    /// The job.
    pub job: Job,
    /// Whether an equal job was waiting already, so that none was created.
    pub joined: bool,
    /// Whether a worker is running. If not, the job waits.
    pub workers: bool,
}

/// Which jobs to list; what is not given does not filter.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    /// By what they do.
    pub kind: Comparison<JobKind>,
    /// By where they stand.
    pub state: Comparison<JobState>,
    /// By who asked; only admins see those of others.
    pub owner: Comparison<Id<id::User>>,
    /// By when they were asked for.
    pub created_at: Comparison<DateTime<Utc>>,
    /// By since when they are over.
    pub finished_at: Comparison<DateTime<Utc>>,
}

/// How many values the lists of a filter may have.
const MAX_LISTED: usize = 1000;

impl JobFilter {
    /// Refuses a filter that would cost the database more than a caller may ask for.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`].
    pub fn check(&self) -> Result<(), Refusal> {
        let listed = self.kind.listed()
            + self.state.listed()
            + self.owner.listed()
            + self.created_at.listed()
            + self.finished_at.listed();
        if listed > MAX_LISTED {
            let message = format!("a filter has at most {MAX_LISTED} values in its lists");
            return Err(Refusal::invalid("filter", message));
        }
        Ok(())
    }
}

impl JobFilter {
    /// Whether a job fits, by the same rules as in the database.
    pub fn matches(&self, job: &Job) -> bool {
        self.kind.holds(Some(&job.kind))
            && self.state.holds(Some(&job.state))
            && self.owner.holds(job.owner.as_ref())
            && self.created_at.holds(Some(&job.created_at))
            && self.finished_at.holds(job.finished_at.as_ref())
    }
}

text_enum! {
    /// Fields by which jobs can be ordered.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum JobOrder {
        /// Time when the job was created.
        #[default]
        CreatedAt = "CREATED_AT",
        /// Time when the job was completed, failed or was cancelled.
        FinishedAt = "FINISHED_AT",
        /// Priority of the job.
        Priority = "PRIORITY",
    }
}

impl JobOrder {
    /// Its name inside cursors.
    pub fn name(self) -> &'static str {
        match self {
            Self::CreatedAt => "createdAt",
            Self::FinishedAt => "finishedAt",
            Self::Priority => "priority",
        }
    }
}

impl Job {
    /// The job's place in a list by `order`.
    pub fn cursor(&self, order: JobOrder, ascending: bool) -> Cursor {
        let value = match order {
            JobOrder::CreatedAt => serde_json::json!(self.created_at),
            JobOrder::FinishedAt => serde_json::json!(self.finished_at),
            JobOrder::Priority => serde_json::json!(self.priority),
        };
        Cursor::new(order.name(), ascending, value, self.id.uuid())
    }
}

/// How the jobs of one kind in one state did, of those that are still kept.
#[derive(Clone, Debug, PartialEq)]
pub struct JobStatistics {
    /// Of which kind.
    pub kind: JobKind,
    /// In which state.
    pub state: JobState,
    /// How many.
    pub count: i64,
    /// How many seconds they ran on average, from the first beginning to the end; `None` before any
    /// is over.
    pub mean_seconds: Option<f64>,
    /// How many seconds they waited on average between being due and being begun.
    pub mean_waiting_seconds: Option<f64>,
}

/// A process that runs jobs.
#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    /// The name of its machine and its process there.
    pub name: String,
    /// How many jobs it runs at a time.
    pub slots: i32,
    /// How many it runs now.
    pub running: i64,
    /// Whether it ends what it has and begins nothing more.
    pub draining: bool,
    /// Since when it works.
    pub started_at: DateTime<Utc>,
    /// When it was last heard of.
    pub seen_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::JobState::{self, Cancelled, Completed, Failed, Pending, Running};

    #[test]
    fn only_the_legal_moves_are_legal() {
        let legal = [
            (Pending, Running),
            (Pending, Cancelled),
            (Running, Pending),
            (Running, Completed),
            (Running, Failed),
            (Running, Cancelled),
            (Failed, Pending),
            (Cancelled, Pending),
        ];
        for from in JobState::ALL {
            for to in JobState::ALL {
                let may = legal.contains(&(*from, *to));
                assert_eq!(from.may_become(*to), may, "{from:?} to {to:?}");
            }
        }
    }
}
