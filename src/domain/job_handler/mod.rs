//! What a module implements to have its work run as a background job: a [`JobHandler`]. The queue and its
//! workers, in `domain::jobs`, know handlers by this trait only. docs/jobs.md says how a new kind is made.

mod context;
mod failure;
mod kind;

use std::fmt::Debug;
use std::future::Future;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use context::JobContext;
pub use failure::JobFailure;
pub use kind::JobKind;

use crate::domain::auth::Viewer;
use crate::foundation::{Refusal, Result};
use crate::platform::config;

/// One kind of background job: its name, its parameters, who may create it, and its work.
pub trait JobHandler: Send + Sync + 'static {
    /// The name in the database and in the API, in capitals: `CACHE_WARMING`. It identifies the jobs in the
    /// table, so it stays the same for good.
    const KIND: JobKind;

    /// The priority of a job for which none is given, -100 to 100, and the highest that a viewer who is no
    /// admin may give.
    const USUAL_PRIORITY: i16 = 0;

    /// Whether a job is joined by an equal one even if it runs already, and by the same viewer only. For work
    /// that somebody may pay for; other jobs are joined only until they start, since a running one may have
    /// read what has changed since.
    const JOINS_RUNNING: bool = false;

    /// The parameters. They are stored as a JSON object beside the key `kind`, which they must not have. Jobs
    /// that wait from an earlier version of the program are read as well: a new field needs a default.
    type Parameters: Serialize + DeserializeOwned + Debug + Send + Sync + 'static;

    /// Checks what can be checked without the database, when a job is created.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`], which names the field.
    fn check(_parameters: &Self::Parameters) -> Result<(), Refusal> {
        Ok(())
    }

    /// Checks whether the viewer may create or retry a job with these parameters; by default admins only.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Unauthenticated`], [`crate::foundation::Error::Forbidden`].
    fn check_access(&self, viewer: &Viewer, _parameters: &Self::Parameters) -> Result<()> {
        viewer.admin()
    }

    /// When a job of this kind is created by itself; never, by default.
    fn schedule(_settings: &config::Schedules) -> Option<JobSchedule<'_, Self::Parameters>> {
        None
    }

    /// Does the work and returns the result: a JSON object, for people and programs. It must be safe to run
    /// twice: a job whose worker is lost is run again from the beginning.
    ///
    /// It reports its progress to `context` and stops when that says so; work that does not stop is dropped
    /// at an await point unless it has passed its commit point.
    fn run(
        &self,
        parameters: Self::Parameters,
        context: JobContext,
    ) -> impl Future<Output = Result<Value, JobFailure>> + Send;
}

/// When a job is created by itself.
#[derive(Clone, Copy, Debug)]
pub struct JobSchedule<'a, P> {
    /// The name of the schedule in the database and in `askedBy`.
    pub name: &'static str,
    /// The cron pattern, UTC; empty for never.
    pub pattern: &'a str,
    /// The parameters of the job.
    pub parameters: P,
}

/// The parameters of kinds that have none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoParameters {}
