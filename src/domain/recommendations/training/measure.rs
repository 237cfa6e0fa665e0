//! How good a recipe is where it is served, and which is best on interactions that are held out.

use std::sync::Arc;

use super::data::TrainingData;
use super::factors::ModelPlan;
use super::{RunReporter, Step, blocking, conflict, explain};
use crate::domain::models::ModelVersion;
use crate::domain::recommendations::replay_evaluation::{ReplayOutcome, ReplayReport};
use crate::domain::recommendations::served_model::ServedModel;
use crate::domain::recommendations::service::RecommendationService;
use crate::foundation::{Error, Result};
use ranking::collaborative::{CollaborativeError, Recipe};
use ranking::selection::{self, Family, Fold, Given, Plan};

/// A choice is made on so many random splits, with at most so many trials of each family.
const FOLDS: u64 = 2;
const TRIALS: usize = 40;
/// NDCG@10 of the served lists may be smaller than with the model in service by at most this share of
/// it, or by two standard errors, since both were measured on samples.
const TOLERANCE: f64 = 0.1;

/// The recipe that does best on interactions that are held out.
pub(super) async fn chosen(
    data: Arc<TrainingData>,
    seed: u64,
    mut progress: RunReporter,
) -> Result<(ModelPlan, RunReporter)> {
    blocking(move || {
        let mut folds = Vec::new();
        for number in 0..FOLDS {
            progress.step(Step::Choose, 0, 100)?;
            let fold = Fold::at_random(&data.positive, 0.1, seed ^ number)
                .map_err(|error| Error::Internal(error.into()))?;
            folds.extend(Some(fold).filter(Fold::is_useful));
        }
        let Some(fold) = folds.first() else {
            return Err(explain(CollaborativeError::NoInteractions));
        };
        let reference = Recipe::default();
        let plan = Plan {
            families: vec![
                Family::Ials,
                Family::Edlae,
                Family::Slim,
                Family::Graph,
                Family::Spectral,
                Family::Sequential,
            ],
            budget: selection::budget(fold, &reference),
            reference,
            compare: true,
            trials: TRIALS,
            given: Given::default(),
            seed,
        };
        let choice = selection::choose(&folds, &plan, &mut progress.fraction(Step::Choose));
        let recipe = choice.map_err(explain)?.recipe;
        Ok((ModelPlan::trained(recipe, true), progress))
    })
    .await
}

/// The recipe of a model, if it was chosen and not just the usual one.
pub(super) fn kept_choice(model: &ModelVersion) -> Option<Recipe> {
    let chosen = model.settings["chosen"].as_bool() == Some(true);
    chosen.then(|| recipe_of(model)).flatten()
}

/// The recipe of a model; `None` where a release wrote it that knew other parts.
pub(super) fn recipe_of(model: &ModelVersion) -> Option<Recipe> {
    serde_json::from_value(model.settings.clone()).ok()
}

impl RecommendationService {
    /// The served figure of a plan: what it learns from the part of the record before the cuts makes
    /// the lists of the replayed users, through the pipeline that serves.
    pub(super) async fn evaluation(
        &self,
        data: Arc<TrainingData>,
        plan: Arc<ModelPlan>,
        mut progress: RunReporter,
    ) -> Result<(Option<ReplayOutcome>, RunReporter)> {
        if data.replays.is_empty() {
            return Ok((None, progress));
        }
        let trained_at = self.clock.now();
        let training_data = Arc::clone(&data);
        let (model, before, progress) = blocking(move || {
            progress.step(Step::Measure, 0, 100)?;
            let before = training_data.before()?;
            if before.is_empty() {
                return Ok((None, before, progress));
            }
            let collaborative = plan.fit(&before, Step::Measure, &mut progress)?;
            let model = ServedModel::unserved(&training_data.items, collaborative, trained_at);
            Ok((Some(Arc::new(model)), before, progress))
        })
        .await?;
        match model {
            Some(model) => {
                self.evaluate_replays(model, &before, &data.replays, progress)
                    .await
            }
            None => Ok((None, progress)),
        }
    }
}

/// Refuses a model whose lists are worse than those of the one in service, beyond random variation.
pub(super) fn not_worse(
    figure: Option<&ReplayReport>,
    before: Option<&ModelVersion>,
) -> Result<()> {
    let known = before.and_then(|model| model.metrics["ndcgAt10"].as_f64());
    let (Some(figure), Some(known)) = (figure, known) else {
        return Ok(());
    };
    let ndcg = figure.served.ndcg_at_10;
    if ndcg.mean >= known - (TOLERANCE * known).max(2.0 * ndcg.error) {
        return Ok(());
    }
    Err(conflict(&format!(
        "NDCG@10 of the served lists would be {:.4}, with the model in service it was {known:.4}; \
         the model in service stays; `force` takes the new one all the same",
        ndcg.mean
    )))
}
