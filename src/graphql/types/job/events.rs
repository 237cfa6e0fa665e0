//! Subscriptions to background work.

use async_graphql::{Context, Result, Subscription};
use futures::{Stream, StreamExt};

use super::{Job, JobEvent, JobFilterInput};
use crate::foundation::{Id, Refusal, id};
use crate::graphql::ContextExt;
use crate::graphql::filter::or_none;

/// Subscriptions to jobs.
#[derive(Clone, Copy, Default)]
pub struct JobSubscription;

/// Subscriptions to jobs.
#[Subscription]
impl JobSubscription {
    /// Sends the events of a job in order: first the past events after number `after`, then new
    /// ones as they occur, until the job is completed, failed or cancelled. To resume after a lost
    /// connection, pass the number of the last event received: no event is missed or repeated. Slow
    /// clients may miss intermediate events, but never the last one. Requires the job's owner or
    /// the role ADMIN.
    async fn job_progress(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the job to follow.")] id: Id<id::Job>,
        #[graphql(
            desc = "Number of the last event received, 0 or more; 0 for all events.",
            default
        )]
        after: i32,
    ) -> Result<impl Stream<Item = JobEvent>> {
        if after < 0 {
            return Err(Refusal::invalid("after", "a number of an event, or 0 for all").into());
        }
        let jobs = &ctx.services().jobs;
        let events = jobs.follow(ctx.viewer(), id, after.into()).await?;
        Ok(events.map(move |event| JobEvent { event, job: id }))
    }

    /// Sends the viewer's jobs, or all jobs for admins: first those that are pending or running (at
    /// most 100), then each job whenever it changes. Requires authentication.
    async fn jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Send only jobs that match this filter (default: all jobs).")]
        filter: Option<JobFilterInput>,
    ) -> Result<impl Stream<Item = Job>> {
        let jobs = &ctx.services().jobs;
        let changed = jobs.watch(ctx.viewer(), or_none("filter", filter)?).await?;
        Ok(changed.map(Job::from))
    }
}
