//! Subscriptions to slates.

use async_graphql::{ComplexObject, Context, Result, SimpleObject, Subscription};
use futures::{Stream, StreamExt};

use super::item::Slate;
use crate::domain::slates::updates as domain;
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::scalars::Date;

/// A slate of a channel was made, selected from, rejected or abandoned.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct SlateUpdate {
    /// Date of the hour in the time zone of the channel. Null if updates may have been missed: query the slates
    /// again then.
    date: Option<Date>,
    /// The hour in the time zone of the channel, 0–23; null together with `date`.
    hour: Option<i32>,
    #[graphql(skip)]
    changed: Option<Id<id::Slate>>,
}

impl From<domain::SlateUpdate> for SlateUpdate {
    fn from(update: domain::SlateUpdate) -> Self {
        match update {
            domain::SlateUpdate::Slate(slot, changed) => Self {
                date: Some(Date(slot.date)),
                hour: Some(slot.hour.into()),
                changed,
            },
            domain::SlateUpdate::Unknown => Self {
                date: None,
                hour: None,
                changed: None,
            },
        }
    }
}

#[ComplexObject]
impl SlateUpdate {
    /// The slate as it is now; null if the hour was abandoned, or if updates may have been missed.
    async fn slate(&self, ctx: &Context<'_>) -> Result<Option<Slate>> {
        let Some(slate) = self.changed else {
            return Ok(None);
        };
        Ok(ctx.loaders().slates.load_one(slate).await?.map(Into::into))
    }
}

/// Subscriptions to slates.
#[derive(Clone, Copy, Default)]
pub struct SlateSubscription;

/// Subscriptions to slates.
#[Subscription]
impl SlateSubscription {
    /// Notifies whenever a slate of a channel is made, selected from, rejected or abandoned. Requires the role
    /// CURATOR or ADMIN.
    async fn slate_updated(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the channel.")] channel_id: Id<id::Channel>,
    ) -> Result<impl Stream<Item = SlateUpdate>> {
        let slates = &ctx.services().slates;
        let updates = slates.updates(ctx.viewer(), channel_id).await?;
        Ok(updates.map(SlateUpdate::from))
    }
}
