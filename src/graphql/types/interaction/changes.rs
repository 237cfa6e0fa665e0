//! Mutations of interactions.

use async_graphql::{Context, Enum, InputObject, Object, Result, SimpleObject};

use super::{Interaction, InteractionKind};
use crate::domain::interactions::model::{NewInteraction, Recorded};
use crate::domain::interactions::service::Outcome;
use crate::foundation::{Id, id};
use crate::graphql::number::{int, single};
use crate::graphql::payload::{UserError, payload, payload_errors, settle};
use crate::graphql::scalars::DateTime;
use crate::graphql::types::recommendation::events::RecommendationsUpdate;
use crate::graphql::{ContextExt, Query};

/// An interaction to record.
#[derive(Clone, Debug, InputObject)]
pub struct RecordInteractionInput {
    /// ID of the content item that the user interacted with.
    content_id: Id<id::Content>,
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
}

impl From<RecordInteractionInput> for NewInteraction {
    fn from(input: RecordInteractionInput) -> Self {
        Self {
            user: input.user_id,
            content: input.content_id,
            kind: input.kind.into(),
            value: input.value.map(single),
            occurred_at: input.occurred_at.map(Into::into),
            idempotency_key: input.idempotency_key,
            attribution_token: input.attribution_token,
        }
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
        let (recorded, errors) = settle(service.record(ctx.viewer(), input.into()).await)?;
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
        let new = input.interactions.into_iter().map(Into::into).collect();
        let service = &ctx.services().interactions;
        let (outcomes, errors) = settle(service.record_many(ctx.viewer(), new).await)?;
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
