//! Subscriptions to lists and the models behind them.

use async_graphql::{Context, Result, SimpleObject, Subscription};
use futures::{Stream, StreamExt};

use crate::domain::recommendations::updates as domain;
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::enums::graphql_enum;
use crate::graphql::types::model::{Model, ModelKind};

graphql_enum!(domain::UpdateReason as RecommendationsUpdateReason);

/// A notification that the recommendations of a user have changed. Query `recommendations` to get
/// the new list.
#[derive(Clone, Debug, SimpleObject)]
pub struct RecommendationsUpdate {
    /// ID of the user whose recommendations have changed.
    user_id: Id<id::User>,
    /// Why the recommendations have changed.
    reason: RecommendationsUpdateReason,
}

/// Subscriptions to recommendations and models.
#[derive(Clone, Copy, Default)]
pub struct RecommendationSubscription;

/// Subscriptions to recommendations and models.
#[Subscription]
impl RecommendationSubscription {
    /// Notifies whenever the recommendations of a user may have changed. Requires the user's own
    /// session, the role ADMIN or an API key with the scope RECOMMENDATIONS_READ.
    async fn recommendations_updated(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the user (default: the signed-in user). API keys must set it.")]
        user_id: Option<Id<id::User>>,
    ) -> Result<impl Stream<Item = RecommendationsUpdate>> {
        let user = match user_id {
            Some(user) => user,
            None => ctx.viewer().signed_in()?,
        };
        let updates = ctx
            .services()
            .recommendations
            .updates(ctx.viewer(), user)
            .await?;
        Ok(updates.map(move |reason| RecommendationsUpdate {
            user_id: user,
            reason,
        }))
    }

    /// Sends the models that are active now, then each model as it is activated. Requires the role
    /// ADMIN.
    async fn model_promoted(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Kind of the models to send (default: all kinds).")] kind: Option<
            ModelKind,
        >,
    ) -> Result<impl Stream<Item = Model>> {
        let service = &ctx.services().models;
        let promoted = service.promotions(ctx.viewer(), kind).await?;
        Ok(promoted.map(Model::from))
    }
}
