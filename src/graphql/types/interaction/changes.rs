//! Mutations of interactions.

use async_graphql::{Context, Enum, InputObject, Object, Result, SimpleObject};

use super::{Interaction, InteractionKind};
use crate::domain::interactions::Outcome;
use crate::domain::interactions::model::{NewInteraction, Recorded};
use crate::foundation::{Id, Refusal, id};
use crate::graphql::number::{int, single};
use crate::graphql::payload::{UserError, payload, payload_errors, settle};
use crate::graphql::scalars::DateTime;
use crate::graphql::types::recommendation::events::RecommendationsUpdate;
use crate::graphql::types::references::{ContentReferenceInput, UserReferenceInput, either};
use crate::graphql::{ContextExt, Query};

/// An interaction to record.
#[derive(Clone, Debug, InputObject)]
pub struct RecordInteractionInput {
    /// ID of the content item that the user interacted with. Either this or `content` is required.
    content_id: Option<Id<id::Content>>,
    /// The content item that the user interacted with, by its ID or by an ID of your own. If the setting
    /// `external_ids.create` of the server says so, an unknown `externalId` creates an item, for admins and API
    /// keys with the scope INTERACTIONS_WRITE.
    content: Option<ContentReferenceInput>,
    /// Kind of the interaction.
    kind: InteractionKind,
    /// Rating in stars, 0.5–5. Required for RATING; not allowed otherwise.
    value: Option<f64>,
    /// Time of the interaction, from 1990 to five minutes from now (default: now).
    occurred_at: Option<DateTime>,
    /// Idempotency key chosen by the client, 1–200 characters, unique per user. If the same
    /// interaction was recorded with it before, nothing is recorded and the earlier interaction is
    /// returned, so that requests can be repeated safely. A key that was used for another interaction
    /// is a `Conflict`.
    idempotency_key: Option<String>,
    /// The `attributionToken` of the list item that led to the interaction.
    attribution_token: Option<String>,
    /// ID of the user (default: the signed-in user). Other users require the role ADMIN or an API
    /// key with the scope INTERACTIONS_WRITE.
    user_id: Option<Id<id::User>>,
    /// The user, by their ID or by an ID of your own, in place of `userId`. If the setting
    /// `external_ids.create` of the server says so, an unknown `externalId` creates a user, for admins and API
    /// keys with the scope INTERACTIONS_WRITE.
    user: Option<UserReferenceInput>,
}

impl RecordInteractionInput {
    fn read(self, ctx: &Context<'_>) -> Result<NewInteraction, Refusal> {
        let user = self.user.map(|user| user.read(ctx)).transpose();
        let user = user.map_err(|refusal| refusal.under(["user".to_owned()]))?;
        let content = self.content.map(|content| content.read(ctx)).transpose();
        let content = content.map_err(|refusal| refusal.under(["content".to_owned()]))?;
        let content = either(self.content_id, content, "content")?
            .ok_or_else(|| Refusal::invalid("contentId", "give either `contentId` or `content`"))?;
        Ok(NewInteraction {
            user: either(self.user_id, user, "user")?,
            content,
            kind: self.kind.into(),
            value: self.value.map(single),
            occurred_at: self.occurred_at.map(Into::into),
            idempotency_key: self.idempotency_key,
            attribution_token: self.attribution_token,
        })
    }
}

/// Interactions to record.
#[derive(Clone, Debug, InputObject)]
pub struct RecordInteractionsInput {
    /// The interactions, 1–1,000. They are accepted or rejected independently of each other.
    interactions: Vec<RecordInteractionInput>,
}

/// The interaction to delete.
#[derive(Clone, Debug, InputObject)]
pub struct DeleteInteractionInput {
    /// ID of the interaction.
    id: Id<id::Interaction>,
}

payload_errors! {
    /// Errors that `recordInteraction` may return.
    RecordInteractionError: InvalidInput, NotFound, Conflict
}

payload_errors! {
    /// Errors that `recordInteractions` may return.
    RecordInteractionsError: InvalidInput
}

payload_errors! {
    /// Errors that `deleteInteraction` may return.
    DeleteInteractionError: NotFound
}

payload! {
    /// Result of `recordInteraction`.
    RecordInteractionPayload(
        /// Why the interaction was not recorded; empty if it was.
        RecordInteractionError
    ) {
        /// The recorded interaction; null if there are errors.
        interaction: Option<Interaction>,
        /// Whether the interaction had been recorded before, with the same idempotency key.
        repeated: bool,
        /// The user whose recommendations have changed, so that a client can drop the lists that it
        /// keeps of them. Empty if nothing was newly recorded.
        recommendations_updates: Vec<RecommendationsUpdate>,
    }
}

/// Result of one row of a bulk mutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum RecordOutcome {
    /// The row was newly recorded.
    Recorded,
    /// The same had been recorded before; nothing was changed.
    Repeated,
    /// The row was rejected; see `errors`.
    Refused,
}

/// Result of one of several interactions.
#[derive(SimpleObject)]
pub struct RecordInteractionResult {
    /// Whether the interaction was recorded.
    outcome: RecordOutcome,
    /// The recorded interaction; null if it was rejected.
    interaction: Option<Interaction>,
    /// Why the interaction was rejected; empty if it was not.
    errors: Vec<UserError>,
}

impl From<Outcome> for RecordInteractionResult {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Ok(Recorded {
                interaction,
                repeated,
            }) => Self {
                outcome: if repeated {
                    RecordOutcome::Repeated
                } else {
                    RecordOutcome::Recorded
                },
                interaction: Some(interaction.into()),
                errors: Vec::new(),
            },
            Err(refusal) => Self {
                outcome: RecordOutcome::Refused,
                interaction: None,
                errors: UserError::all(refusal),
            },
        }
    }
}

payload! {
    /// Result of `recordInteractions`.
    RecordInteractionsPayload(
        /// Why no interaction was processed; empty if the interactions were processed.
        RecordInteractionsError
    ) {
        /// Result of each interaction, in the order of the input; empty if `errors` is not.
        results: Vec<RecordInteractionResult>,
        /// Number of interactions that were newly recorded.
        recorded: i32,
        /// Number of interactions that had been recorded before.
        repeated: i32,
        /// Number of interactions that were rejected.
        refused: i32,
        /// The users whose recommendations have changed, each once, so that a client can drop the
        /// lists that it keeps of them.
        recommendations_updates: Vec<RecommendationsUpdate>,
    }
}

payload! {
    /// Result of `deleteInteraction`.
    DeleteInteractionPayload(
        /// Why the interaction was not deleted; empty if it was.
        DeleteInteractionError
    ) {
        /// ID of the deleted interaction; null if there are errors.
        deleted_id: Option<Id<id::Interaction>>,
        /// The user whose recommendations have changed, so that a client can drop the lists that it
        /// keeps of them. Empty if there are errors.
        recommendations_updates: Vec<RecommendationsUpdate>,
    }
}

/// Mutations of interactions.
#[derive(Clone, Copy, Default)]
pub struct InteractionMutation;

/// Mutations of interactions.
#[Object]
impl InteractionMutation {
    /// Records an interaction of a user with a content item. It influences the next
    /// recommendations. Requires the user's own session, the role ADMIN or an API key with the
    /// scope INTERACTIONS_WRITE.
    async fn record_interaction(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The interaction to record.")] input: RecordInteractionInput,
    ) -> Result<Option<RecordInteractionPayload>> {
        let service = &ctx.services().interactions;
        let recorded = match input.read(ctx) {
            Ok(new) => service.record(ctx.viewer(), new).await,
            Err(refusal) => Err(refusal.into()),
        };
        let (recorded, errors) = settle(recorded)?;
        ctx.loaders().forget();
        let new = recorded.iter().filter(|recorded| !recorded.repeated);
        Ok(Some(RecordInteractionPayload {
            recommendations_updates: RecommendationsUpdate::of_taste(
                new.map(|recorded| recorded.interaction.user),
            ),
            repeated: recorded.as_ref().is_some_and(|recorded| recorded.repeated),
            interaction: recorded.map(|recorded| recorded.interaction.into()),
            errors,
            query: Query::default(),
        }))
    }

    /// Records up to 1,000 interactions in one request. Valid interactions are recorded even if
    /// others are rejected. Requires the session of the user of all interactions, the role ADMIN or
    /// an API key with the scope INTERACTIONS_WRITE.
    #[graphql(complexity = "50 + 10 * child_complexity")]
    async fn record_interactions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The interactions to record.")] input: RecordInteractionsInput,
    ) -> Result<Option<RecordInteractionsPayload>> {
        let new = input.interactions.into_iter().map(|new| new.read(ctx));
        let service = &ctx.services().interactions;
        let (outcomes, errors) = settle(service.record_rows(ctx.viewer(), new.collect()).await)?;
        ctx.loaders().forget();
        let outcomes = outcomes.unwrap_or_default();
        let new = outcomes
            .iter()
            .flatten()
            .filter(|recorded| !recorded.repeated);
        let new = new.map(|recorded| recorded.interaction.user);
        let recommendations_updates = RecommendationsUpdate::of_taste(new);
        let results: Vec<RecordInteractionResult> = outcomes.into_iter().map(Into::into).collect();
        let count = |outcome| {
            let count = results.iter().filter(|result| result.outcome == outcome);
            int(count.count())
        };
        Ok(Some(RecordInteractionsPayload {
            recorded: count(RecordOutcome::Recorded),
            repeated: count(RecordOutcome::Repeated),
            refused: count(RecordOutcome::Refused),
            results,
            recommendations_updates,
            errors,
            query: Query::default(),
        }))
    }

    /// Deletes an interaction. Requires the user of the interaction, the role ADMIN or an API key
    /// with the scope INTERACTIONS_WRITE.
    async fn delete_interaction(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The interaction to delete.")] input: DeleteInteractionInput,
    ) -> Result<Option<DeleteInteractionPayload>> {
        let service = &ctx.services().interactions;
        let (user, errors) = settle(service.delete(ctx.viewer(), input.id).await)?;
        ctx.loaders().forget();
        Ok(Some(DeleteInteractionPayload {
            deleted_id: user.map(|_| input.id),
            recommendations_updates: RecommendationsUpdate::of_taste(user),
            errors,
            query: Query::default(),
        }))
    }
}
