//! Subscriptions to interactions.

use async_graphql::{Context, InputObject, Result, Subscription};
use futures::Stream;
use futures::stream::unfold;

use super::Interaction;
use super::queries::InteractionKindFilter;
use crate::domain::interactions::StreamFilter;
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::filter::{UserIdFilter, or_none};

/// Which interactions to hear of. All that is given must hold; what is left out does not filter.
#[derive(Clone, Debug, Default, InputObject)]
pub struct InteractionEventFilter {
    /// Conditions on the kind.
    kind: Option<InteractionKindFilter>,
    /// Conditions on who did it.
    user: Option<UserIdFilter>,
}

impl From<InteractionEventFilter> for StreamFilter {
    fn from(input: InteractionEventFilter) -> Self {
        Self {
            kind: or_none(input.kind),
            user: or_none(input.user),
        }
    }
}

/// Subscriptions to interactions.
#[derive(Clone, Copy, Default)]
pub struct InteractionSubscription;

/// Subscriptions to interactions.
#[Subscription]
impl InteractionSubscription {
    /// Each interaction as it is recorded, whoever records it; those that an import brings are not
    /// among them. For admins.
    async fn interactions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] filter: Option<InteractionEventFilter>,
        #[graphql(
            desc = "The id of the last one that is known: those that happened since come first."
        )]
        after: Option<Id<id::Interaction>>,
    ) -> Result<impl Stream<Item = Result<Interaction>>> {
        let service = &ctx.services().interactions;
        let stream = service.stream(ctx.viewer(), or_none(filter), after)?;
        Ok(unfold(stream, |mut stream| async move {
            let next = stream.next().await?;
            Some((next.map(Interaction::from).map_err(Into::into), stream))
        }))
    }
}
