//! The kinds of jobs that this program can run.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;

use super::parameters::{JobParameters, from_json};
use crate::domain::auth::Viewer;
use crate::domain::job_handler::{JobContext, JobFailure, JobHandler, JobKind, JobSchedule};
use crate::foundation::{Error, Refusal, Result};
use crate::platform::config;

/// The handlers of jobs, by kind.
#[derive(Clone, Default)]
pub struct JobRegistry {
    handlers: BTreeMap<JobKind, Arc<dyn AnyHandler>>,
}

impl JobRegistry {
    /// The same with one more handler, in the place of an earlier one of the same kind.
    #[must_use]
    pub fn with<H: JobHandler>(mut self, handler: H) -> Self {
        self.handlers.insert(H::KIND, Arc::new(handler));
        self
    }

    /// The names of all kinds.
    pub(super) fn kinds(&self) -> Vec<String> {
        self.handlers.keys().map(JobKind::to_string).collect()
    }

    /// Checks whether the viewer may create or retry a job with these stored parameters.
    ///
    /// # Errors
    /// Those of [`JobHandler::check_access`]; [`Refusal::Conflict`] for a kind that this program does not
    /// know; [`Error::Internal`] for parameters that it cannot read.
    pub(super) fn check_access(
        &self,
        viewer: &Viewer,
        kind: &JobKind,
        parameters: &Value,
    ) -> Result<()> {
        match self.handlers.get(kind) {
            Some(handler) => handler.check_access(viewer, parameters),
            None => Err(Refusal::Conflict {
                message: kind.unknown(),
            }
            .into()),
        }
    }

    /// Does the work of a job.
    pub(super) async fn run(
        &self,
        kind: &JobKind,
        parameters: Value,
        context: JobContext,
    ) -> Result<Value, JobFailure> {
        match self.handlers.get(kind) {
            Some(handler) => handler.run(parameters, context).await,
            // Only jobs of known kinds are claimed; another program may know this one.
            None => Err(JobFailure::retry(kind.unknown())),
        }
    }

    /// The schedules of all kinds.
    pub(super) fn schedules<'a>(
        &'a self,
        settings: &'a config::Schedules,
    ) -> impl Iterator<Item = JobSchedule<'a, JobParameters>> {
        self.handlers
            .values()
            .filter_map(|handler| handler.schedule(settings))
    }
}

/// [`JobHandler`] without its types.
trait AnyHandler: Send + Sync {
    fn check_access(&self, viewer: &Viewer, parameters: &Value) -> Result<()>;
    fn run(
        &self,
        parameters: Value,
        context: JobContext,
    ) -> BoxFuture<'_, Result<Value, JobFailure>>;
    fn schedule<'a>(
        &self,
        settings: &'a config::Schedules,
    ) -> Option<JobSchedule<'a, JobParameters>>;
}

impl<H: JobHandler> AnyHandler for H {
    fn check_access(&self, viewer: &Viewer, parameters: &Value) -> Result<()> {
        let parameters = from_json(parameters).map_err(|error| {
            let kind = H::KIND;
            Error::Internal(anyhow::anyhow!("the parameters of a job {kind}: {error}"))
        })?;
        JobHandler::check_access(self, viewer, &parameters)
    }

    fn run(
        &self,
        parameters: Value,
        context: JobContext,
    ) -> BoxFuture<'_, Result<Value, JobFailure>> {
        async move {
            let parameters = from_json(&parameters).map_err(|error| {
                JobFailure::Permanent(format!("its parameters cannot be read: {error}"))
            })?;
            JobHandler::run(self, parameters, context).await
        }
        .boxed()
    }

    fn schedule<'a>(
        &self,
        settings: &'a config::Schedules,
    ) -> Option<JobSchedule<'a, JobParameters>> {
        let schedule = <H as JobHandler>::schedule(settings)?;
        Some(JobSchedule {
            name: schedule.name,
            pattern: schedule.pattern,
            parameters: JobParameters::of::<H>(schedule.parameters),
        })
    }
}
