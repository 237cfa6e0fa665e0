//! Serving factors of items that were trained elsewhere.
//!
//! A version of the collaborative model holds vectors of items, and folds users in from what they have done up
//! to now: no vectors of users, so that nobody who is erased is left in a file, and nobody's list waits for the
//! next training.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use uuid::Uuid;

use super::measure::kept_choice;
use super::recipe::{ials_settings, named, recipe};
use super::{
    Run, RunReporter, Step, TrainingData, TrainingOptions, TrainingResult, conflict, explain,
};
use crate::domain::auth::Viewer;
use crate::domain::models::{ModelVersion, another_training};
use crate::domain::recommendations::service::RecommendationService;
use crate::foundation::{ProgressObserver, Result};
use crate::platform::config::Training as Settings;
use ranking::collaborative::{CollaborativeError, Model, Recipe};
use ranking::{IalsSettings, Interactions, Matrix};

/// What a version that was imported is named after.
const IMPORTED: &str = "imported-factors";

/// Vectors of items, ascending by their ids.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemFactors {
    /// The items, each once.
    pub items: Vec<Uuid>,
    /// A row for each of them.
    pub vectors: Matrix,
}

/// How imported factors are judged and served.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FactorOptions {
    /// Take them into service even if they are worse than what serves.
    pub force: bool,
    /// Keep them as a candidate, whatever their quality.
    pub candidate: bool,
    /// α₀ and λ, positive, with which users are folded in ([`IalsSettings`]); those of the settings if `None`.
    pub unobserved_weight: Option<f32>,
    /// See `unobserved_weight`.
    pub regularisation: Option<f32>,
}

/// What a version of the collaborative model is made of: a recipe that is trained, or given vectors.
#[derive(Clone, Debug)]
pub(in crate::domain::recommendations) struct ModelPlan {
    recipe: Recipe,
    chosen: bool,
    given: Option<(IalsSettings, Arc<ItemFactors>)>,
}

impl ModelPlan {
    /// A recipe that is trained; `chosen` where it was found by trying.
    pub(super) fn trained(recipe: Recipe, chosen: bool) -> Self {
        let given = None;
        Self {
            recipe,
            chosen,
            given,
        }
    }

    /// The recipe that was chosen for this version, or else the usual one.
    pub(super) fn usual(
        before: Option<&ModelVersion>,
        settings: &Settings,
        data: &TrainingData,
    ) -> Self {
        match before.and_then(kept_choice) {
            Some(chosen) => Self::trained(chosen, true),
            None => Self::trained(recipe(settings, data.items.len(), data.users.len()), false),
        }
    }

    /// Given vectors, with which users are folded in by these settings.
    fn given(settings: &IalsSettings, factors: Arc<ItemFactors>) -> Self {
        let settings = IalsSettings {
            factors: factors.vectors.columns(),
            ..settings.clone()
        };
        Self {
            recipe: Recipe::of(ranking::collaborative::Kind::Ials(settings.clone())),
            chosen: false,
            given: Some((settings, factors)),
        }
    }

    /// The items that the model knows, where that is not up to the interactions.
    pub(super) fn items(&self) -> Option<&[Uuid]> {
        let given = self.given.as_ref();
        given.map(|(_, factors)| factors.items.as_slice())
    }

    /// What the version is named after.
    pub(super) fn algorithm(&self) -> String {
        match self.given {
            Some(_) => IMPORTED.to_owned(),
            None => named(&self.recipe),
        }
    }

    /// What the version keeps of it.
    pub(super) fn settings(&self) -> Value {
        json!({ "parts": self.recipe.parts, "chosen": self.chosen })
    }

    /// The model with what `table` says, of users by items.
    pub(super) fn fit(
        &self,
        table: &Interactions,
        at: Step,
        progress: &mut RunReporter,
    ) -> Result<Model> {
        let mut observe = progress.fraction(at);
        let model = match &self.given {
            None => Model::fit(&self.recipe, table, &mut observe),
            Some((settings, factors)) => {
                Model::of_item_factors(&factors.vectors, settings, table, &mut observe)
            }
        };
        model.map_err(|error| match error {
            CollaborativeError::Diverged if self.given.is_some() => {
                conflict("the factors are too large to multiply; scale them down, or train again")
            }
            other => explain(other),
        })
    }
}

impl RecommendationService {
    /// Makes a version of the collaborative model of given vectors of items, judges it as
    /// [`RecommendationService::train`] judges, stores the best items of every user, and takes it into service.
    /// It knows these items and no others. The held-out interactions may have been among those that the vectors
    /// were trained on: then the measured quality is too high.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Forbidden`] for whoever is no admin;
    /// [`crate::foundation::Error::Unavailable`] when a training of the schema runs;
    /// [`crate::foundation::Refusal::Conflict`] when it was stopped, when the vectors are too large to multiply,
    /// or when the lists would be worse.
    pub async fn import_factors(
        &self,
        viewer: &Viewer,
        factors: ItemFactors,
        how: FactorOptions,
        observer: impl ProgressObserver + 'static,
    ) -> Result<TrainingResult> {
        viewer.admin()?;
        let progress = RunReporter::new(Run::Training { choose: false }, observer);
        let began = Instant::now();
        let settings = ials_settings(&self.ctx.settings.training);
        let settings = IalsSettings {
            unobserved_weight: how.unobserved_weight.unwrap_or(settings.unobserved_weight),
            regularisation: how.regularisation.unwrap_or(settings.regularisation),
            ..settings
        };
        let plan = ModelPlan::given(&settings, Arc::new(factors));
        plan.recipe.check().map_err(explain)?;
        let Some(mut store) = self.store.begin_training().await? else {
            return Err(another_training());
        };
        let how = TrainingOptions {
            force: how.force,
            candidate: how.candidate,
            choose: false,
        };
        let made = self
            .train_in(&mut store, how, Some(plan), began, progress)
            .await;
        store.end().await;
        made
    }

    /// What a version was made of; `None` where a release wrote it that knew other parts, and for vectors that
    /// no longer serve.
    pub(super) async fn plan_of(&self, model: &ModelVersion) -> Result<Option<ModelPlan>> {
        let Some(recipe) = super::measure::recipe_of(model) else {
            return Ok(None);
        };
        if model.algorithm != IMPORTED {
            return Ok(Some(ModelPlan::trained(recipe, false)));
        }
        let served = self.served_model().await?;
        let served = served.filter(|served| served.model == model.id);
        let factors = served.and_then(|served| served.item_factors());
        let settings = recipe.parts.into_iter().find_map(|part| match part.kind {
            ranking::collaborative::Kind::Ials(settings) => Some(settings),
            _ => None,
        });
        let given = settings.zip(factors);
        Ok(given.map(|(settings, factors)| ModelPlan::given(&settings, Arc::new(factors))))
    }
}
