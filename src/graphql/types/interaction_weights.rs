//! The table of what interactions say: type, query and mutation.

use async_graphql::{Context, InputObject, MaybeUndefined, Object, Result, SimpleObject};
use chrono::{DateTime, TimeDelta, Utc};

use super::interaction::InteractionKind;
use crate::domain::interactions::weights::{self as domain, WeightChange, WeightTable};
use crate::graphql::ContextExt;
use crate::graphql::number::{double, single};
use crate::graphql::payload::{payload, payload_errors};

/// What each kind of interaction says of taste. A change writes a new version.
#[derive(Clone, Debug, SimpleObject)]
pub struct InteractionWeights {
    /// Which version, from 1.
    version: i32,
    /// When this version was written.
    created_at: DateTime<Utc>,
    /// One row a kind.
    rows: Vec<InteractionWeight>,
}

/// What one kind of interaction says.
#[derive(Clone, Debug, SimpleObject)]
pub struct InteractionWeight {
    /// Which kind.
    kind: InteractionKind,
    /// How much it says when it is fresh, from -1 (against) to 1 (for). That of a RATING counts
    /// times `(stars - 2.5) / 2.5`.
    weight: f64,
    /// After how many seconds it says half as much.
    half_life_seconds: i32,
    /// For how many seconds the item stays out of the user's lists: 0 is not at all, null for good. An
    /// opposite that comes later (RETURN after PURCHASE) ends it.
    exclude_for_seconds: Option<i32>,
}

impl From<&WeightTable> for InteractionWeights {
    fn from(table: &WeightTable) -> Self {
        Self {
            version: table.version,
            created_at: table.created_at,
            rows: table.rows().iter().map(Into::into).collect(),
        }
    }
}

impl From<&domain::WeightRow> for InteractionWeight {
    fn from(row: &domain::WeightRow) -> Self {
        let seconds = |span: TimeDelta| i32::try_from(span.num_seconds()).unwrap_or(i32::MAX);
        Self {
            kind: row.kind.into(),
            weight: double(row.weight),
            half_life_seconds: seconds(row.half_life),
            exclude_for_seconds: row.exclude_for.map(seconds),
        }
    }
}

/// Queries about the table of weights.
#[derive(Clone, Copy, Default)]
pub struct InteractionWeightsQuery;

/// Queries about the table of weights.
#[Object]
impl InteractionWeightsQuery {
    /// What each kind of interaction says of taste; null if there is no such version. For whoever
    /// is signed in.
    #[graphql(complexity = "11 + 11 * child_complexity")]
    async fn interaction_weights(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which version; the one in force where left out.")] version: Option<i32>,
    ) -> Result<Option<InteractionWeights>> {
        let service = &ctx.services().interactions;
        let table = service.weights_for(ctx.viewer(), version).await?;
        Ok(table.map(|table| (&*table).into()))
    }
}

/// A change of what one kind says: what is left out stays.
#[derive(Clone, Debug, InputObject)]
pub struct InteractionWeightInput {
    /// Which kind.
    kind: InteractionKind,
    /// How much it says, from -1 (against) to 1 (for).
    weight: Option<f64>,
    /// After how many seconds it says half as much, at least 1.
    half_life_seconds: Option<i32>,
    /// For how many seconds the item stays out of the user's lists: 0 is not at all, null for good. An
    /// opposite that comes later (RETURN after PURCHASE) ends it.
    exclude_for_seconds: MaybeUndefined<i32>,
}

impl From<InteractionWeightInput> for WeightChange {
    fn from(input: InteractionWeightInput) -> Self {
        Self {
            kind: input.kind.into(),
            weight: input.weight.map(single),
            half_life_seconds: input.half_life_seconds,
            exclude_for_seconds: input
                .exclude_for_seconds
                .as_opt_ref()
                .map(Option::<&i32>::copied),
        }
    }
}

/// A change of the table of weights.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateInteractionWeightsInput {
    /// The version that you read: another one in force by now is a conflict. Unchecked where left
    /// out.
    expected_version: Option<i32>,
    /// The kinds that change, each once; the others stay.
    weights: Vec<InteractionWeightInput>,
}

payload_errors! {
    /// Why `updateInteractionWeights` did not do it.
    UpdateInteractionWeightsError: InvalidInput, Conflict
}

payload! {
    /// What became of `updateInteractionWeights`.
    UpdateInteractionWeightsPayload(
        /// Why it was not written.
        UpdateInteractionWeightsError
    ) {
        /// The new version; null if there are errors.
        weights: Option<InteractionWeights>,
    }
}

/// Mutations of the table of weights.
#[derive(Clone, Copy, Default)]
pub struct InteractionWeightsMutation;

/// Mutations of the table of weights.
#[Object]
impl InteractionWeightsMutation {
    /// Writes a new version of the table of weights, in force at once. For admins.
    async fn update_interaction_weights(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The change.")] input: UpdateInteractionWeightsInput,
    ) -> Result<UpdateInteractionWeightsPayload> {
        let changes = input.weights.into_iter().map(Into::into).collect();
        let service = &ctx.services().interactions;
        let done = service.update_weights(ctx.viewer(), input.expected_version, changes);
        let written = done.await.map(|table| InteractionWeights::from(&*table));
        UpdateInteractionWeightsPayload::settle(written)
    }
}
