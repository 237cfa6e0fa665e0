//! Subscriptions to background work.

use async_graphql::{Context, Result, Subscription};
use futures::{Stream, StreamExt};

use super::{Job, JobEvent, JobFilterInput};
use crate::foundation::{Id, Refusal, id};
use crate::graphql::ContextExt;
use crate::graphql::filter::or_none;

/// Subscriptions to background work.
#[derive(Clone, Copy, Default)]
pub struct JobSubscription;

/// Subscriptions to background work.
#[Subscription]
impl JobSubscription {
    /// What happens to a job: the events behind number `after` first, then the news. It ends when
    /// the job is over. After a loss of the connection, subscribe again with the number of the last
    /// event that was seen: none is missed and none comes twice. A client that is slower than the
    /// news skips some and never the last. For the job's owner and admins.
    async fn job_progress(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which job.")] id: Id<id::Job>,
        #[graphql(
            desc = "The number of the last event that is known; 0 for all.",
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

    /// The viewer's jobs, or all for admins, whenever one of them changes; first those that are not
    /// over, as they are now.
    async fn jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] filter: Option<JobFilterInput>,
    ) -> Result<impl Stream<Item = Job>> {
        let jobs = &ctx.services().jobs;
        let changed = jobs.watch(ctx.viewer(), or_none(filter)).await?;
        Ok(changed.map(Job::from))
    }
}
