//! An experiment and its variants.

use std::sync::Arc;

use async_graphql::{Context, Object, Result, SimpleObject};

use super::results::{ExperimentResults, ExperimentVariantResults};
use crate::domain::experiments::model as domain;
use crate::graphql::ContextExt;
use crate::graphql::enums::graphql_enum;
use crate::graphql::number::double;
use crate::graphql::scalars::DateTime;
use crate::graphql::types::recommendation::RecommendationContext;

graphql_enum!(domain::ExperimentState as ExperimentState);

/// An experiment with recommendation lists: variants of their settings, each for a share of the users.
/// Visible to admins.
#[derive(Clone, Debug)]
pub struct Experiment(pub(super) Arc<domain::Experiment>);

impl From<domain::Experiment> for Experiment {
    fn from(experiment: domain::Experiment) -> Self {
        Self(Arc::new(experiment))
    }
}

/// An experiment with recommendation lists: variants of their settings, each for a share of the users.
/// Visible to admins.
#[Object]
impl Experiment {
    /// Opaque, globally unique ID.
    pub async fn id(&self) -> async_graphql::ID {
        self.0.id.into()
    }

    /// Unique name of the experiment.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// State of the experiment.
    async fn state(&self) -> ExperimentState {
        self.0.state.into()
    }

    /// Contexts of the lists that take part; empty for all contexts.
    async fn contexts(&self) -> Vec<RecommendationContext> {
        self.0.contexts.iter().copied().map(Into::into).collect()
    }

    /// The variants that the experiment compares. The first one is the control, which overrides nothing.
    async fn variants(&self) -> Vec<ExperimentVariant> {
        let places = 0..self.0.variants.len();
        let variant = |index| domain::ExperimentVariant {
            experiment: Arc::clone(&self.0),
            index,
        };
        places.map(|index| variant(index).into()).collect()
    }

    /// Figures of the experiment as a whole. Those of the variants are in `variants.results`.
    async fn results(&self, ctx: &Context<'_>) -> Result<Option<ExperimentResults>> {
        let found = ctx.loaders().experiment_results.load_one(self.0.id).await?;
        Ok(found.map(|results| (&*results).into()))
    }

    /// Time when the experiment was created.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// Time when the experiment was started; null if it was not.
    async fn started_at(&self) -> Option<DateTime> {
        self.0.started_at.map(DateTime)
    }

    /// Time when the experiment was stopped; null if it was not.
    async fn stopped_at(&self) -> Option<DateTime> {
        self.0.stopped_at.map(DateTime)
    }
}

/// A variant of an experiment: settings of recommendation lists, and the share of the users who get such
/// lists. Visible to admins.
#[derive(Clone, Debug)]
pub struct ExperimentVariant(domain::ExperimentVariant);

impl From<domain::ExperimentVariant> for ExperimentVariant {
    fn from(variant: domain::ExperimentVariant) -> Self {
        Self(variant)
    }
}

impl ExperimentVariant {
    /// The variant itself; an error where the experiment does not have it.
    fn variant(&self) -> Result<&domain::Variant> {
        let found = self.0.variant();
        found.ok_or_else(|| async_graphql::Error::new("the experiment has no such variant"))
    }
}

/// A variant of an experiment: settings of recommendation lists, and the share of the users who get such
/// lists. Visible to admins.
#[Object]
impl ExperimentVariant {
    /// Opaque, globally unique ID.
    pub async fn id(&self) -> Result<async_graphql::ID> {
        Ok(self.variant()?.id.into())
    }

    /// Name of the variant, unique within the experiment.
    async fn name(&self) -> Result<&str> {
        Ok(&self.variant()?.name)
    }

    /// The experiment that the variant belongs to.
    async fn experiment(&self) -> Experiment {
        Experiment(Arc::clone(&self.0.experiment))
    }

    /// Whether the variant is the control, which the others are compared with.
    async fn control(&self) -> bool {
        self.0.index == 0
    }

    /// Share of the users relative to the other variants, 1–1,000.
    async fn weight(&self) -> Result<i32> {
        Ok(self.variant()?.weight)
    }

    /// Share of the users who get the variant, in [0, 1]. The shares of an experiment sum to 1.
    async fn share(&self) -> Result<f64> {
        let whole: f64 = self.0.experiment.weights().iter().sum();
        Ok(f64::from(self.variant()?.weight) / whole)
    }

    /// Settings of the variant's lists that replace the configured ones.
    async fn overrides(&self) -> Result<ExperimentOverrides> {
        Ok(self.variant()?.overrides.into())
    }

    /// What users did with the lists of the variant so far.
    async fn results(&self, ctx: &Context<'_>) -> Result<Option<ExperimentVariantResults>> {
        let experiment = self.0.experiment.id;
        let found = ctx
            .loaders()
            .experiment_results
            .load_one(experiment)
            .await?;
        let of = |index: usize| Some(found.as_ref()?.variants.get(index)?.into());
        Ok(of(self.0.index))
    }
}

/// Settings of recommendation lists that a variant replaces. Null leaves a setting as it is configured.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct ExperimentOverrides {
    /// Whether the learned ranking model is used where there is one, in the contexts FEED and CATEGORY.
    learned: Option<bool>,
    /// Weight of the collaborative model beside the user's profile in FEED and CATEGORY, in [0, 1].
    batch: Option<f64>,
    /// Weight of long-term interests beside the present session, in [0, 1].
    long_term: Option<f64>,
    /// Weight of the query beside long-term interests in SEARCH, in [0, 1].
    query: Option<f64>,
    /// Weight of the given item beside long-term interests in SIMILAR, in [0, 1].
    similar: Option<f64>,
    /// Weight of meaning beside co-occurrence among items similar to the given one, in [0, 1].
    meaning: Option<f64>,
    /// Weight of diversity in lists whose request asks for none, in [0, 1].
    diversity: Option<f64>,
}

impl From<domain::Overrides> for ExperimentOverrides {
    fn from(overrides: domain::Overrides) -> Self {
        Self {
            learned: overrides.learned,
            batch: overrides.batch.map(double),
            long_term: overrides.long_term.map(double),
            query: overrides.query.map(double),
            similar: overrides.similar.map(double),
            meaning: overrides.meaning.map(double),
            diversity: overrides.diversity.map(double),
        }
    }
}
