//! Mutations of interactions.

use async_graphql::{Context, Enum, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::{Interaction, InteractionKind};
use crate::domain::interactions::model::{NewInteraction, Recorded};
use crate::domain::interactions::service::Outcome;
use crate::foundation::{Id, id};
use crate::graphql::number::{int, single};
use crate::graphql::payload::{UserError, payload, payload_errors, settle};
use crate::graphql::{ContextExt, Query};

/// An interaction to be recorded.
#[derive(Clone, Debug, InputObject)]
pub struct RecordInteractionInput {
    /// To which item.
    content_id: Id<id::Content>,
    /// What was done.
    kind: InteractionKind,
    /// The stars of a RATING, 0.5 to 5; left out for every other kind.
    value: Option<f64>,
    /// When it was done, from 1990 until now; now where left out.
    occurred_at: Option<DateTime<Utc>>,
    /// A name of your own for this interaction, 1 to 200 characters. The same name again does
    /// nothing and answers what was recorded the first time: send one, and try again at will.
    idempotency_key: Option<String>,
    /// The `attributionToken` of the list item that led to it.
    attribution_token: Option<String>,
    /// Who did it; the viewer where left out. Another for admins and for apps with the scope
    /// INTERACTIONS_WRITE.
    user_id: Option<Id<id::User>>,
}

impl From<RecordInteractionInput> for NewInteraction {
    fn from(input: RecordInteractionInput) -> Self {
        Self {
            user: input.user_id,
            content: input.content_id,
            kind: input.kind.into(),
            value: input.value.map(single),
            occurred_at: input.occurred_at,
            idempotency_key: input.idempotency_key,
            attribution_token: input.attribution_token,
        }
    }
}

/// Interactions to be recorded.
#[derive(Clone, Debug, InputObject)]
pub struct RecordInteractionsInput {
    /// The interactions, 1 to 1,000. Each is recorded or refused by itself.
    interactions: Vec<RecordInteractionInput>,
}

/// Which interaction to take back.
#[derive(Clone, Debug, InputObject)]
pub struct DeleteInteractionInput {
    /// Which.
    id: Id<id::Interaction>,
}

payload_errors! {
    /// Why an interaction was not recorded.
    RecordInteractionError: InvalidInput, NotFound, Conflict
}

payload_errors! {
    /// Why `recordInteractions` did not do anything.
    RecordInteractionsError: InvalidInput
}

payload_errors! {
    /// Why `deleteInteraction` did not do it.
    DeleteInteractionError: NotFound
}

payload! {
    /// What became of `recordInteraction`.
    RecordInteractionPayload(
        /// Why it was not recorded.
        RecordInteractionError
    ) {
        /// The interaction on record; null if there are errors.
        interaction: Option<Interaction>,
        /// Whether it was there before, recorded with the same idempotency key.
        repeated: bool,
    }
}

/// What became of one of many interactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum RecordOutcome {
    /// It is on record now.
    Recorded,
    /// It was on record before, with the same idempotency key.
    Repeated,
    /// It was refused.
    Refused,
}

/// What became of one of many interactions.
#[derive(SimpleObject)]
pub struct RecordInteractionResult {
    /// What became of it.
    outcome: RecordOutcome,
    /// The interaction on record; null if it was refused.
    interaction: Option<Interaction>,
    /// Why it was refused.
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
                errors: vec![refusal.into()],
            },
        }
    }
}

payload! {
    /// What became of `recordInteractions`.
    RecordInteractionsPayload(
        /// Why nothing was done.
        RecordInteractionsError
    ) {
        /// What became of each, in the order given; empty if there are errors.
        results: Vec<RecordInteractionResult>,
        /// How many are on record now and were not before.
        recorded: i32,
        /// How many were on record before.
        repeated: i32,
        /// How many were refused.
        refused: i32,
    }
}

payload! {
    /// What became of `deleteInteraction`.
    DeleteInteractionPayload(
        /// Why it was not taken back.
        DeleteInteractionError
    ) {
        /// The id of the interaction that is gone; null if there are errors.
        deleted_id: Option<Id<id::Interaction>>,
    }
}

/// Mutations of interactions.
#[derive(Clone, Copy, Default)]
pub struct InteractionMutation;

/// Mutations of interactions.
#[Object]
impl InteractionMutation {
    /// Records what the viewer did to a content item, or what another user did for admins and apps.
    async fn record_interaction(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The interaction.")] input: RecordInteractionInput,
    ) -> Result<RecordInteractionPayload> {
        let service = &ctx.services().interactions;
        let (recorded, errors) = settle(service.record(ctx.viewer(), input.into()).await)?;
        ctx.loaders().forget();
        Ok(RecordInteractionPayload {
            repeated: recorded.as_ref().is_some_and(|recorded| recorded.repeated),
            interaction: recorded.map(|recorded| recorded.interaction.into()),
            errors,
            query: Query::default(),
        })
    }

    /// Records up to 1,000 interactions at once. The good ones are kept though others are refused.
    #[graphql(complexity = "50 + 10 * child_complexity")]
    async fn record_interactions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The interactions.")] input: RecordInteractionsInput,
    ) -> Result<RecordInteractionsPayload> {
        let new = input.interactions.into_iter().map(Into::into).collect();
        let service = &ctx.services().interactions;
        let (outcomes, errors) = settle(service.record_many(ctx.viewer(), new).await)?;
        ctx.loaders().forget();
        let results: Vec<RecordInteractionResult> = outcomes
            .unwrap_or_default()
            .into_iter()
            .map(Into::into)
            .collect();
        let count = |outcome| {
            let count = results.iter().filter(|result| result.outcome == outcome);
            int(count.count())
        };
        Ok(RecordInteractionsPayload {
            recorded: count(RecordOutcome::Recorded),
            repeated: count(RecordOutcome::Repeated),
            refused: count(RecordOutcome::Refused),
            results,
            errors,
            query: Query::default(),
        })
    }

    /// Takes an interaction back. For the user who did it, admins, and apps with the scope
    /// INTERACTIONS_WRITE.
    async fn delete_interaction(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: DeleteInteractionInput,
    ) -> Result<DeleteInteractionPayload> {
        let service = &ctx.services().interactions;
        let done = service.delete(ctx.viewer(), input.id).await;
        ctx.loaders().forget();
        DeleteInteractionPayload::settle(done.map(|()| input.id))
    }
}
