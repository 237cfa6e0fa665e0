//! Subscriptions to lists and the models behind them.

use async_graphql::{ComplexObject, Context, Result, SimpleObject, Subscription};
use futures::{Stream, StreamExt};

use crate::domain::recommendations::updates as domain;
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::enums::graphql_enum;
use crate::graphql::types::model::{Model, ModelKind};
use crate::graphql::types::user::User;

graphql_enum!(domain::UpdateReason as RecommendationsUpdateReason);

/// The recommendations of a user have changed: lists of theirs that a client keeps are out of date.
/// Query `recommendations` to get the new list.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct RecommendationsUpdate {
    /// ID of the user whose recommendations have changed.
    user_id: Id<id::User>,
    /// Why the recommendations have changed.
    reason: RecommendationsUpdateReason,
}

impl RecommendationsUpdate {
    /// What a mutation answers that recorded or removed interactions of these users: each user once, in the
    /// order of their first interaction.
    pub fn of_taste(users: impl IntoIterator<Item = Id<id::User>>) -> Vec<Self> {
        let mut updates: Vec<Self> = Vec::new();
        for user_id in users {
            if updates.iter().all(|update| update.user_id != user_id) {
                let reason = domain::UpdateReason::Taste.into();
                updates.push(Self { user_id, reason });
            }
        }
        updates
    }
}

#[ComplexObject]
impl RecommendationsUpdate {
    /// The user whose recommendations have changed; null if the viewer may not see them.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let user = ctx.loaders().users.load_one(self.user_id).await?;
        Ok(user.map(Into::into))
    }
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
            reason: reason.into(),
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
        let promoted = service
            .promotions(ctx.viewer(), kind.map(Into::into))
            .await?;
        Ok(promoted.map(Model::from))
    }
}
