//! The table of what interactions say: type, query and mutation.

use async_graphql::{Context, InputObject, MaybeUndefined, Object, Result, SimpleObject};
use chrono::TimeDelta;

use super::interaction::InteractionKind;
use crate::domain::interactions::weights::{self as domain, WeightChange, WeightTable};
use crate::foundation::Refusal;
use crate::graphql::ContextExt;
use crate::graphql::number::{double, single};
use crate::graphql::payload::{not_removable, payload, payload_errors};
use crate::graphql::scalars::DateTime;

/// A version of the interaction weights, which define how each kind of interaction influences
/// recommendations.
#[derive(Clone, Debug, SimpleObject)]
pub struct InteractionWeights {
    /// Version number, starting at 1.
    version: i32,
    /// Time when this version was created.
    created_at: DateTime,
    /// Weights of all kinds of interactions, one row for each kind.
    rows: Vec<InteractionWeight>,
}

/// Influence of one kind of interaction on recommendations.
#[derive(Clone, Debug, SimpleObject)]
pub struct InteractionWeight {
    /// Kind of the interaction.
    kind: InteractionKind,
    /// Initial weight, -1 (negative signal) to 1 (positive signal). For RATING it is multiplied by
    /// `(stars - 2.5) / 2.5`.
    weight: f64,
    /// Time after which the weight has halved, in seconds.
    half_life_seconds: i32,
    /// Time for which the item is excluded from the user's recommendations after the interaction,
    /// in seconds; 0 for not at all, null for ever. A later opposite interaction, such as RETURN
    /// after PURCHASE, ends the exclusion.
    exclude_for_seconds: Option<i32>,
}

impl From<&WeightTable> for InteractionWeights {
    fn from(table: &WeightTable) -> Self {
        Self {
            version: table.version,
            created_at: table.created_at.into(),
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

/// Queries of interaction weights.
#[derive(Clone, Copy, Default)]
pub struct InteractionWeightsQuery;

/// Queries of interaction weights.
#[Object]
impl InteractionWeightsQuery {
    /// Fetches a version of the interaction weights. Null if the version does not exist. Requires
    /// authentication.
    #[graphql(complexity = "11 + 11 * child_complexity")]
    async fn interaction_weights(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Version number (default: the current version).")] version: Option<i32>,
    ) -> Result<Option<InteractionWeights>> {
        let service = &ctx.services().interactions;
        let table = service.weights_for(ctx.viewer(), version).await?;
        Ok(table.map(|table| (&*table).into()))
    }
}

/// Changes to the weights of one kind of interaction. Fields that are omitted remain unchanged.
#[derive(Clone, Debug, InputObject)]
pub struct InteractionWeightInput {
    /// Kind of the interaction.
    kind: InteractionKind,
    /// Initial weight, -1 (negative signal) to 1 (positive signal). It cannot be removed: null is an
    /// error.
    weight: MaybeUndefined<f64>,
    /// Time after which the weight has halved, in seconds, at least 1. It cannot be removed: null is an
    /// error.
    half_life_seconds: MaybeUndefined<i32>,
    /// Time for which the item is excluded from the user's recommendations after the interaction,
    /// in seconds, 0 or more; 0 for not at all, null for ever. A later opposite interaction, such
    /// as RETURN after PURCHASE, ends the exclusion.
    exclude_for_seconds: MaybeUndefined<i32>,
}

impl InteractionWeightInput {
    /// The change; `index` is the place of the input in its list.
    fn read(self, index: usize) -> Result<WeightChange, Refusal> {
        let inside = |refusal: Refusal| refusal.under(["weights".to_owned(), index.to_string()]);
        let weight = not_removable("weight", self.weight).map_err(inside)?;
        let half_life = not_removable("halfLifeSeconds", self.half_life_seconds).map_err(inside)?;
        Ok(WeightChange {
            kind: self.kind.into(),
            weight: weight.map(single),
            half_life_seconds: half_life,
            exclude_for_seconds: self
                .exclude_for_seconds
                .as_opt_ref()
                .map(Option::<&i32>::copied),
        })
    }
}

/// Changes to the interaction weights.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateInteractionWeightsInput {
    /// Version that the changes are based on. If another version has become current, the mutation
    /// fails with a conflict (default: not checked).
    expected_version: Option<i32>,
    /// The kinds of interactions to change, each at most once. Others remain unchanged.
    weights: Vec<InteractionWeightInput>,
}

payload_errors! {
    /// Errors that `updateInteractionWeights` may return.
    UpdateInteractionWeightsError: InvalidInput, Conflict
}

payload! {
    /// Result of `updateInteractionWeights`.
    UpdateInteractionWeightsPayload(
        /// Why no new version was created; empty if it was.
        UpdateInteractionWeightsError
    ) {
        /// The new version; null if there are errors.
        weights: Option<InteractionWeights>,
    }
}

/// Mutations of interaction weights.
#[derive(Clone, Copy, Default)]
pub struct InteractionWeightsMutation;

/// Mutations of interaction weights.
#[Object]
impl InteractionWeightsMutation {
    /// Creates a new version of the interaction weights, with immediate effect. Requires the role
    /// ADMIN.
    async fn update_interaction_weights(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The changes to make.")] input: UpdateInteractionWeightsInput,
    ) -> Result<Option<UpdateInteractionWeightsPayload>> {
        let written = async {
            let weights = input.weights.into_iter().enumerate();
            let changes: Result<_, Refusal> = weights.map(|(index, row)| row.read(index)).collect();
            let service = &ctx.services().interactions;
            let done = service.update_weights(ctx.viewer(), input.expected_version, changes?);
            let table = done.await?;
            Ok(InteractionWeights::from(&*table))
        };
        UpdateInteractionWeightsPayload::settle(written.await)
    }
}
