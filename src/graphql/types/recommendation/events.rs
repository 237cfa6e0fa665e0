//! Subscriptions to lists and the models behind them.

use async_graphql::{Context, Enum, Result, SimpleObject, Subscription};
use futures::{Stream, StreamExt};

use crate::domain::recommendations::updates as domain;
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::types::model::{Model, ModelKind};

/// Why a user's lists would be others by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::UpdateReason")]
pub enum RecommendationsUpdateReason {
    /// They did something.
    Taste,
    /// Their stored list was computed anew.
    Refresh,
    /// Another model was taken into service.
    Model,
    /// Something may have happened unheard.
    Unknown,
}

/// A user's lists would be others by now: ask for `recommendations` again.
#[derive(Clone, Debug, SimpleObject)]
pub struct RecommendationsUpdate {
    /// Whose.
    user_id: Id<id::User>,
    /// Why.
    reason: RecommendationsUpdateReason,
}

/// Subscriptions to lists and the models behind them.
#[derive(Clone, Copy, Default)]
pub struct RecommendationSubscription;

/// Subscriptions to lists and the models behind them.
#[Subscription]
impl RecommendationSubscription {
    /// Tells when a user's lists would be others: the viewer's, or another's for admins and apps
    /// with the scope RECOMMENDATIONS_READ.
    async fn recommendations_updated(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose; the viewer's where left out.")] user_id: Option<Id<id::User>>,
    ) -> Result<impl Stream<Item = RecommendationsUpdate>> {
        let user = match user_id {
            Some(user) => user,
            None => ctx.viewer().signed_in()?,
        };
        let updates = ctx.services().recommendations.updates(ctx.viewer(), user)?;
        Ok(updates.map(move |reason| RecommendationsUpdate {
            user_id: user,
            reason: reason.into(),
        }))
    }

    /// The models that are served, then each that is taken into service. For admins.
    async fn model_promoted(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only of this kind; all where left out.")] kind: Option<ModelKind>,
    ) -> Result<impl Stream<Item = Model>> {
        let service = &ctx.services().models;
        let promoted = service.promotions(ctx.viewer(), kind.map(Into::into))?;
        Ok(promoted.map(Model::from))
    }
}
