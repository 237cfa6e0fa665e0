//! Queries about background work.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object, Result, SimpleObject};

use super::{Job, JobKind, JobState};
use crate::domain::jobs::model::{self as domain, JobFilter};
use crate::foundation::page::Window;
use crate::foundation::{Id, Refusal, id};
use crate::graphql::ContextExt;
use crate::graphql::connection::{Connection, order_input};
use crate::graphql::enums::graphql_enum;
use crate::graphql::filter::{DateTimeFilter, UserIdFilter, enum_filter, or_none};
use crate::graphql::number::int;
use crate::graphql::scalars::DateTime;
use crate::graphql::types::upkeep::HourlyStatistics;

enum_filter! {
    /// Conditions on the kind of a job.
    JobKindFilter(JobKind)
}

enum_filter! {
    /// Conditions on the state of a job.
    JobStateFilter(JobState)
}

/// A filter for jobs. All given conditions must hold; omitted ones do not restrict the result. At
/// most 1,000 list values in all.
#[derive(Clone, Debug, Default, InputObject)]
#[graphql(name = "JobFilter")]
pub struct JobFilterInput {
    /// Conditions on the kind of the job.
    kind: Option<JobKindFilter>,
    /// Conditions on the state of the job.
    state: Option<JobStateFilter>,
    /// Conditions on the user who created the job.
    owner: Option<UserIdFilter>,
    /// Conditions on the time when the job was created.
    created_at: Option<DateTimeFilter>,
    /// Conditions on the time when the job was completed, failed or was cancelled.
    finished_at: Option<DateTimeFilter>,
}

impl TryFrom<JobFilterInput> for JobFilter {
    type Error = Refusal;

    fn try_from(input: JobFilterInput) -> Result<Self, Refusal> {
        Ok(Self {
            kind: or_none("kind", input.kind)?,
            state: or_none("state", input.state)?,
            owner: or_none("owner", input.owner)?,
            created_at: or_none("createdAt", input.created_at)?,
            finished_at: or_none("finishedAt", input.finished_at)?,
        })
    }
}

graphql_enum!(domain::JobOrder as JobOrderField);

order_input! {
    /// Order of a list of jobs.
    JobOrder(domain::JobOrder)
}

/// Statistics of the jobs of one kind in one state that have not been deleted.
#[derive(Clone, Debug)]
pub struct JobStatistics(domain::JobStatistics);

/// Statistics of the jobs of one kind in one state that have not been deleted.
#[Object]
impl JobStatistics {
    /// Kind of the jobs.
    async fn kind(&self) -> Result<JobKind> {
        Ok(JobKind::of(&self.0.kind)?)
    }

    /// State of the jobs.
    async fn state(&self) -> JobState {
        self.0.state.into()
    }

    /// Number of jobs.
    async fn count(&self) -> i32 {
        int(self.0.count)
    }

    /// Mean time from the first start to the end, in seconds; null if no job has started and ended.
    async fn mean_seconds(&self) -> Option<f64> {
        self.0.mean_seconds
    }

    /// Mean time that jobs with one attempt waited after their due time, in seconds; null if none
    /// has started.
    async fn mean_waiting_seconds(&self) -> Option<f64> {
        self.0.mean_waiting_seconds
    }
}

/// A process that executes jobs.
#[derive(Clone, Debug, SimpleObject)]
pub struct Worker {
    /// Host name and process ID of the worker.
    name: String,
    /// Maximum number of jobs executed at the same time.
    slots: i32,
    /// Number of jobs that the worker is executing now.
    running: i32,
    /// Whether the worker is shutting down and starts no more jobs.
    draining: bool,
    /// Time when the worker started.
    started_at: DateTime,
    /// Time of the worker's last sign of life.
    seen_at: DateTime,
}

impl From<domain::Worker> for Worker {
    fn from(worker: domain::Worker) -> Self {
        Self {
            name: worker.name,
            slots: worker.slots,
            running: int(worker.running),
            draining: worker.draining,
            started_at: worker.started_at.into(),
            seen_at: worker.seen_at.into(),
        }
    }
}

/// Queries of jobs.
#[derive(Clone, Copy, Default)]
pub struct JobQuery;

/// Queries of jobs.
#[Object]
impl JobQuery {
    /// Fetches a job by ID. Null if it does not exist or the viewer may not see it. Users may fetch
    /// their own jobs; admins all.
    async fn job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the job to fetch.")] id: Id<id::Job>,
    ) -> Result<Option<Job>> {
        Ok(ctx.loaders().jobs.load_one(id).await?.map(Into::into))
    }

    /// Lists the viewer's own jobs, or all jobs for admins. Requires authentication.
    #[graphql(
        complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * child_complexity"
    )]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Return only jobs that match this filter (default: all jobs).")]
        filter: Option<JobFilterInput>,
        #[graphql(desc = "Order of the jobs (default: by `CREATED_AT`, newest first).")]
        order_by: Option<JobOrder>,
        #[graphql(
            desc = "Number of jobs to return from the start of the list, 1–100 (default 20). Not allowed together with `last` or `before`."
        )]
        first: Option<i32>,
        #[graphql(
            desc = "Return the jobs after this cursor, from `edges.cursor` or `pageInfo.endCursor`."
        )]
        after: Option<String>,
        #[graphql(
            desc = "Number of jobs to return from the end of the list, 1–100 (default 20 if `before` is given)."
        )]
        last: Option<i32>,
        #[graphql(
            desc = "Return the jobs before this cursor, from `edges.cursor` or `pageInfo.startCursor`."
        )]
        before: Option<String>,
    ) -> Result<Option<Connection<Job>>> {
        let window = Window::read(first, after, last, before)?;
        let filter: JobFilter = or_none("filter", filter)?;
        let order = order_by.map_or((domain::JobOrder::CreatedAt, false), Into::into);
        let (services, viewer) = (Arc::clone(ctx.services()), ctx.viewer().clone());
        let page = services.jobs.list(&viewer, &filter, order, &window).await?;
        let total = move || {
            let (services, viewer, filter) =
                (Arc::clone(&services), viewer.clone(), filter.clone());
            async move { services.jobs.count(&viewer, &filter).await }
        };
        let cursor = move |job: &Job| job.0.cursor(order.0, order.1);
        Ok(Some(Connection::new(page, cursor, total)))
    }

    /// Statistics of the jobs that have not been deleted, by kind and state. Requires the role
    /// ADMIN.
    #[graphql(complexity = "100 + child_complexity")]
    async fn job_statistics(&self, ctx: &Context<'_>) -> Result<Option<Vec<JobStatistics>>> {
        let statistics = ctx.services().jobs.statistics(ctx.viewer()).await?;
        Ok(Some(statistics.into_iter().map(JobStatistics).collect()))
    }

    /// The processes that currently execute jobs of this database schema. Requires the role ADMIN.
    async fn workers(&self, ctx: &Context<'_>) -> Result<Option<Vec<Worker>>> {
        let workers = ctx.services().jobs.workers(ctx.viewer()).await?;
        Ok(Some(workers.into_iter().map(Into::into).collect()))
    }

    /// Hourly statistics for the hours that start in a time range of at most 31 days, in
    /// chronological order. Requires the role ADMIN.
    #[graphql(complexity = "100 + child_complexity")]
    async fn hourly_statistics(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Start of the time range, inclusive (default: one day before `until`).")]
        from: Option<DateTime>,
        #[graphql(desc = "End of the time range, exclusive (default: now).")] until: Option<
            DateTime,
        >,
    ) -> Result<Option<Vec<HourlyStatistics>>> {
        let service = &ctx.services().upkeep;
        let (from, until) = (from.map(Into::into), until.map(Into::into));
        let hours = service.hours(ctx.viewer(), from, until).await?;
        Ok(Some(hours.into_iter().map(Into::into).collect()))
    }
}
