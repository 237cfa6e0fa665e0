//! Queries about background work.

use std::sync::Arc;

use async_graphql::{Context, Enum, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::{Job, JobKind, JobState};
use crate::domain::jobs::model::{self as domain, JobFilter};
use crate::domain::upkeep::Hour;
use crate::foundation::page::Window;
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::connection::{Connection, order_input};
use crate::graphql::filter::{DateTimeFilter, UserIdFilter, enum_filter, or_none};
use crate::graphql::number::int;

enum_filter! {
    /// Conditions on what a job does.
    JobKindFilter(JobKind)
}

enum_filter! {
    /// Conditions on where a job stands.
    JobStateFilter(JobState)
}

/// Which jobs. All that is given must hold; what is left out does not filter.
#[derive(Clone, Debug, Default, InputObject)]
#[graphql(name = "JobFilter")]
pub struct JobFilterInput {
    /// Conditions on what they do.
    kind: Option<JobKindFilter>,
    /// Conditions on where they stand.
    state: Option<JobStateFilter>,
    /// Conditions on who asked; only admins see the jobs of others.
    owner: Option<UserIdFilter>,
    /// Conditions on when they were asked for.
    created_at: Option<DateTimeFilter>,
    /// Conditions on since when they are over.
    finished_at: Option<DateTimeFilter>,
}

impl From<JobFilterInput> for JobFilter {
    fn from(input: JobFilterInput) -> Self {
        Self {
            kind: or_none(input.kind),
            state: or_none(input.state),
            owner: or_none(input.owner),
            created_at: or_none(input.created_at),
            finished_at: or_none(input.finished_at),
        }
    }
}

/// By what jobs are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::JobOrder")]
pub enum JobOrderField {
    /// When they were asked for.
    CreatedAt,
    /// Since when they are over.
    FinishedAt,
    /// What is begun first.
    Priority,
}

order_input! {
    /// The order of a list of jobs.
    JobOrder(JobOrderField => domain::JobOrder)
}

/// How the jobs of one kind in one state did, of those that are kept.
#[derive(Clone, Debug, SimpleObject)]
pub struct JobStatistics {
    /// Of which kind.
    kind: JobKind,
    /// In which state.
    state: JobState,
    /// How many.
    count: i32,
    /// How many seconds they took on average, from the first beginning to the end; null before any
    /// is over.
    mean_seconds: Option<f64>,
    /// How many seconds they waited on average between being due and being begun.
    mean_waiting_seconds: Option<f64>,
}

impl From<domain::JobStatistics> for JobStatistics {
    fn from(statistics: domain::JobStatistics) -> Self {
        Self {
            kind: statistics.kind.into(),
            state: statistics.state.into(),
            count: int(statistics.count),
            mean_seconds: statistics.mean_seconds,
            mean_waiting_seconds: statistics.mean_waiting_seconds,
        }
    }
}

/// A process that runs jobs.
#[derive(Clone, Debug, SimpleObject)]
pub struct Worker {
    /// The name of its machine and the number of its process there.
    name: String,
    /// How many jobs it runs at a time.
    slots: i32,
    /// How many it runs now.
    running: i32,
    /// Whether it ends what it has and begins nothing more.
    draining: bool,
    /// Since when it works.
    started_at: DateTime<Utc>,
    /// When it was last heard of.
    seen_at: DateTime<Utc>,
}

impl From<domain::Worker> for Worker {
    fn from(worker: domain::Worker) -> Self {
        Self {
            name: worker.name,
            slots: worker.slots,
            running: int(worker.running),
            draining: worker.draining,
            started_at: worker.started_at,
            seen_at: worker.seen_at,
        }
    }
}

/// What happened in one hour, summed up when it was over.
#[derive(Clone, Debug, SimpleObject)]
pub struct HourlyStatistics {
    /// Its beginning, UTC.
    hour: DateTime<Utc>,
    /// How many things users did.
    interactions: i32,
    /// How many users did something.
    active_users: i32,
    /// How many lists were drawn.
    lists: i32,
    /// How often something was said to an item of a list.
    feedback: i32,
    /// How many jobs were done.
    jobs_completed: i32,
    /// How many jobs failed for good.
    jobs_failed: i32,
}

impl From<Hour> for HourlyStatistics {
    fn from(hour: Hour) -> Self {
        Self {
            hour: hour.hour,
            interactions: int(hour.interactions),
            active_users: int(hour.active_users),
            lists: int(hour.lists),
            feedback: int(hour.feedback),
            jobs_completed: int(hour.jobs_completed),
            jobs_failed: int(hour.jobs_failed),
        }
    }
}

/// Queries about background work.
#[derive(Clone, Copy, Default)]
pub struct JobQuery;

/// Queries about background work.
#[Object]
impl JobQuery {
    /// A job; null if there is none that the viewer may see: their own, or any for admins.
    async fn job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] id: Id<id::Job>,
    ) -> Result<Option<Job>> {
        Ok(ctx.loaders().jobs.load_one(id).await?.map(Into::into))
    }

    /// The viewer's jobs, or all for admins; the newest first where no order is given.
    #[graphql(
        complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * child_complexity"
    )]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] filter: Option<JobFilterInput>,
        #[graphql(desc = "In which order.")] order_by: Option<JobOrder>,
        #[graphql(desc = "So many from the start, 1 to 100; 20 where left out.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only those behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Job>> {
        let window = Window::read(first, after, last, before)?;
        let filter: JobFilter = or_none(filter);
        let order = order_by.map_or((domain::JobOrder::CreatedAt, false), Into::into);
        let (services, viewer) = (Arc::clone(ctx.services()), ctx.viewer().clone());
        let page = services.jobs.list(&viewer, &filter, order, &window).await?;
        let total = move || {
            let (services, viewer, filter) =
                (Arc::clone(&services), viewer.clone(), filter.clone());
            async move { services.jobs.count(&viewer, &filter).await }
        };
        let cursor = move |job: &Job| job.0.cursor(order.0, order.1);
        Ok(Connection::new(page, cursor, total))
    }

    /// How the jobs that are kept did, by kind and state. For admins.
    #[graphql(complexity = "100 + child_complexity")]
    async fn job_statistics(&self, ctx: &Context<'_>) -> Result<Vec<JobStatistics>> {
        let statistics = ctx.services().jobs.statistics(ctx.viewer()).await?;
        Ok(statistics.into_iter().map(Into::into).collect())
    }

    /// The processes that run jobs of this schema now. For admins.
    async fn workers(&self, ctx: &Context<'_>) -> Result<Vec<Worker>> {
        let workers = ctx.services().jobs.workers(ctx.viewer()).await?;
        Ok(workers.into_iter().map(Into::into).collect())
    }

    /// What happened in the hours from `from` on and before `until`, at most 31 days. For admins.
    #[graphql(complexity = "100 + child_complexity")]
    async fn hourly_statistics(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "From this moment on; a day before `until` where left out.")] from: Option<
            DateTime<Utc>,
        >,
        #[graphql(desc = "Until just before this moment; now where left out.")] until: Option<
            DateTime<Utc>,
        >,
    ) -> Result<Vec<HourlyStatistics>> {
        let service = &ctx.services().upkeep;
        let hours = service.hours(ctx.viewer(), from, until).await?;
        Ok(hours.into_iter().map(Into::into).collect())
    }
}
