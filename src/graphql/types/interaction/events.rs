//! Subscriptions to interactions.

use async_graphql::{Context, InputObject, Result, Subscription};
use futures::Stream;
use futures::stream::unfold;

use super::Interaction;
use super::queries::InteractionKindFilter;
use crate::domain::interactions::{StreamCursor, StreamFilter};
use crate::foundation::Refusal;
use crate::graphql::ContextExt;
use crate::graphql::filter::{UserIdFilter, or_none};

/// A filter for a subscription to interactions. All given conditions must hold; omitted ones do not
/// restrict the result. At most 1,000 list values in all.
#[derive(Clone, Debug, Default, InputObject)]
pub struct InteractionEventFilter {
    /// Conditions on the kind of the interaction.
    kind: Option<InteractionKindFilter>,
    /// Conditions on the user of the interaction.
    user: Option<UserIdFilter>,
}

impl TryFrom<InteractionEventFilter> for StreamFilter {
    type Error = Refusal;

    fn try_from(input: InteractionEventFilter) -> Result<Self, Refusal> {
        Ok(Self {
            kind: or_none("kind", input.kind)?,
            user: or_none("user", input.user)?,
        })
    }
}

/// Subscriptions to interactions.
#[derive(Clone, Copy, Default)]
pub struct InteractionSubscription;

/// Subscriptions to interactions.
#[Subscription]
impl InteractionSubscription {
    /// Sends each interaction when it is recorded, by any client, in the order in which they are committed:
    /// one that is sent late comes when it comes, whenever it occurred. Imported interactions are not
    /// included. Requires the role ADMIN.
    async fn interactions(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Send only interactions that match this filter (default: all interactions)."
        )]
        filter: Option<InteractionEventFilter>,
        #[graphql(
            desc = "The `cursor` of the last interaction received, or of `interactionsCursor`. Interactions that were recorded since then are sent first (default: only new ones)."
        )]
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<Interaction>>> {
        let service = &ctx.services().interactions;
        let after = after.as_deref().map(StreamCursor::decode).transpose()?;
        let filter = or_none("filter", filter)?;
        let stream = service.stream(ctx.viewer(), filter, after).await?;
        Ok(unfold(stream, |mut stream| async move {
            let next = stream.next().await?;
            Some((next.map(Interaction::from).map_err(Into::into), stream))
        }))
    }
}
