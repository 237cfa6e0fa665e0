//! Mutations of experiments.

use async_graphql::{Context, InputObject, Object, Result};

use super::item::Experiment;
use crate::domain::experiments::{NewExperiment, Overrides};
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::enums::values;
use crate::graphql::number::single;
use crate::graphql::payload::{payload, payload_errors};
use crate::graphql::types::recommendation::RecommendationContext;

/// Properties of a new experiment.
#[derive(Clone, Debug, InputObject)]
pub struct CreateExperimentInput {
    /// Unique name of the experiment, 1–100 characters.
    name: String,
    /// Contexts of the lists that take part (default: all contexts).
    #[graphql(default)]
    contexts: Vec<RecommendationContext>,
    /// The variants to compare, 2–10. The first one is the control and overrides nothing.
    variants: Vec<ExperimentVariantInput>,
}

/// A variant of a new experiment.
#[derive(Clone, Debug, InputObject)]
pub struct ExperimentVariantInput {
    /// Name of the variant, 1–100 characters, unique within the experiment.
    name: String,
    /// Share of the users relative to the other variants, 1–1,000 (default 1).
    #[graphql(default = 1)]
    weight: i32,
    /// Settings of the variant's lists that replace the configured ones (default: none).
    overrides: Option<ExperimentOverridesInput>,
}

/// Settings of recommendation lists that a variant replaces. Omitted ones stay as they are configured.
#[derive(Clone, Copy, Debug, InputObject)]
pub struct ExperimentOverridesInput {
    /// Whether the learned ranking model is used where there is one, in the contexts FEED and CATEGORY.
    learned: Option<bool>,
    /// Weight of the collaborative model beside the user's profile in FEED and CATEGORY, 0–1. Requires that
    /// `learned` is false.
    batch: Option<f64>,
    /// Weight of long-term interests beside the present session, 0–1. Requires that `learned` is false.
    long_term: Option<f64>,
    /// Weight of the query beside long-term interests in SEARCH, 0–1.
    query: Option<f64>,
    /// Weight of the given item beside long-term interests in SIMILAR, 0–1.
    similar: Option<f64>,
    /// Weight of meaning beside co-occurrence among items similar to the given one, 0–1.
    meaning: Option<f64>,
    /// Weight of diversity in lists whose request asks for none, 0–1.
    diversity: Option<f64>,
}

impl From<ExperimentOverridesInput> for Overrides {
    fn from(input: ExperimentOverridesInput) -> Self {
        Self {
            learned: input.learned,
            batch: input.batch.map(single),
            long_term: input.long_term.map(single),
            query: input.query.map(single),
            similar: input.similar.map(single),
            meaning: input.meaning.map(single),
            diversity: input.diversity.map(single),
        }
    }
}

/// The experiment to start.
#[derive(Clone, Debug, InputObject)]
pub struct StartExperimentInput {
    /// ID of the experiment to start.
    id: Id<id::Experiment>,
}

/// The experiment to stop.
#[derive(Clone, Debug, InputObject)]
pub struct StopExperimentInput {
    /// ID of the experiment to stop.
    id: Id<id::Experiment>,
}

/// The experiment to delete.
#[derive(Clone, Debug, InputObject)]
pub struct DeleteExperimentInput {
    /// ID of the experiment to delete.
    id: Id<id::Experiment>,
}

payload_errors! {
    /// Errors that `createExperiment` may return.
    CreateExperimentError: InvalidInput, Conflict
}

payload_errors! {
    /// Errors that `startExperiment` may return.
    StartExperimentError: NotFound, Conflict
}

payload_errors! {
    /// Errors that `stopExperiment` may return.
    StopExperimentError: NotFound, Conflict
}

payload_errors! {
    /// Errors that `deleteExperiment` may return.
    DeleteExperimentError: NotFound, Conflict
}

payload! {
    /// Result of `createExperiment`.
    CreateExperimentPayload(CreateExperimentError) {
        /// The new experiment; null if there are errors.
        experiment: Option<Experiment>,
    }
}

payload! {
    /// Result of `startExperiment`.
    StartExperimentPayload(StartExperimentError) {
        /// The started experiment; null if there are errors.
        experiment: Option<Experiment>,
    }
}

payload! {
    /// Result of `stopExperiment`.
    StopExperimentPayload(StopExperimentError) {
        /// The stopped experiment; null if there are errors.
        experiment: Option<Experiment>,
    }
}

payload! {
    /// Result of `deleteExperiment`.
    DeleteExperimentPayload(DeleteExperimentError) {
        /// ID of the deleted experiment; null if there are errors.
        deleted_id: Option<Id<id::Experiment>>,
    }
}

/// Mutations of experiments.
#[derive(Clone, Copy, Default)]
pub struct ExperimentMutation;

/// Mutations of experiments.
#[Object]
impl ExperimentMutation {
    /// Creates an experiment, which does not run until it is started. Requires the role ADMIN.
    async fn create_experiment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Properties of the new experiment.")] input: CreateExperimentInput,
    ) -> Result<Option<CreateExperimentPayload>> {
        let variants = input.variants.into_iter().map(|variant| {
            let overrides = variant.overrides.map(Overrides::from).unwrap_or_default();
            (variant.name, variant.weight, overrides)
        });
        let new = NewExperiment {
            name: input.name,
            contexts: values(input.contexts),
            variants: variants.collect(),
        };
        let made = ctx.services().experiments.create(ctx.viewer(), new).await;
        ctx.loaders().forget();
        CreateExperimentPayload::settle(made)
    }

    /// Starts an experiment: from the next request on, users get the lists of their variants. Fails with a
    /// conflict if another experiment runs in one of the same contexts. Requires the role ADMIN.
    async fn start_experiment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The experiment to start.")] input: StartExperimentInput,
    ) -> Result<Option<StartExperimentPayload>> {
        let service = &ctx.services().experiments;
        let started = service.start(ctx.viewer(), input.id).await;
        ctx.loaders().forget();
        StartExperimentPayload::settle(started)
    }

    /// Stops an experiment for good: from the next request on, users get the usual lists. The results
    /// remain. Requires the role ADMIN.
    async fn stop_experiment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The experiment to stop.")] input: StopExperimentInput,
    ) -> Result<Option<StopExperimentPayload>> {
        let service = &ctx.services().experiments;
        let stopped = service.stop(ctx.viewer(), input.id).await;
        ctx.loaders().forget();
        StopExperimentPayload::settle(stopped)
    }

    /// Deletes an experiment that does not run, with its results. Its lists remain. Requires the role
    /// ADMIN.
    async fn delete_experiment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The experiment to delete.")] input: DeleteExperimentInput,
    ) -> Result<Option<DeleteExperimentPayload>> {
        let service = &ctx.services().experiments;
        let done = service.delete(ctx.viewer(), input.id).await;
        ctx.loaders().forget();
        DeleteExperimentPayload::settle(done.map(|()| input.id))
    }
}
