//! Training the collaborative model and putting its lists into service.

use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::replay_evaluation::ReplayReport;
use super::served_model::to_bytes;
use super::service::RecommendationService;
use super::store::TrainingStore;
use crate::domain::auth::Viewer;
use crate::domain::models::{ModelKind, ModelVersion, another_training};
use crate::foundation::{Error, ProgressObserver, Refusal, Result};
use ranking::collaborative::CollaborativeError;

mod data;
mod factors;
mod lists;
mod measure;
mod progress;
mod ranker;
mod recipe;

use data::TrainingData;
use factors::ModelPlan;
pub use factors::{FactorOptions, ItemFactors};
use lists::lists;
use measure::{chosen, not_worse};
pub use progress::Step;
pub(super) use progress::{Run, RunReporter};

/// At most so many users' lists are computed and copied at a time, and at most so many scores made
/// for them: then the observer is asked again.
const CHUNK: usize = 2_000;
const SCORES: usize = 8_000_000;
/// A model is taken into service if at least this share of its users has at least [`ENOUGH`] items,
/// or all that they have not met.
const SERVED_SHARE: f64 = 0.8;
const ENOUGH: usize = 30;

/// How to train.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainingOptions {
    /// Take the new model into service even if it is worse than the one that serves.
    pub force: bool,
    /// First choose models, their settings and how they are blended, on interactions that are held
    /// out. It takes some fifty trainings; later trainings keep to the choice.
    pub choose: bool,
    /// Keep the new model as a candidate, whatever its quality, and activate it later.
    #[serde(default)]
    pub candidate: bool,
}

/// What came of a training.
#[derive(Clone, Debug)]
pub struct TrainingResult {
    /// The model, now active.
    pub model: ModelVersion,
    /// How many users it has lists for.
    pub users: usize,
    /// How many items it knows.
    pub items: usize,
    /// From how many pairs of user and item it learnt.
    pub pairs: usize,
    /// How good the lists are that are served with it; `None` where nobody has taken enough to hold
    /// something out.
    pub figure: Option<ReplayReport>,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// What came of an evaluation.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EvaluationResult {
    /// The models that are blended: `ials` and so on.
    pub algorithm: String,
    /// Their settings and weights.
    pub settings: serde_json::Value,
    /// NDCG@10 of the lists that are served; `None` where nobody has taken enough to hold something
    /// out.
    pub ndcg_at_10: Option<f64>,
    /// How good these lists are in all.
    pub figure: Option<ReplayReport>,
    /// Of how many users.
    pub users: usize,
    /// Of how many items.
    pub items: usize,
    /// From how many pairs of user and item it learnt.
    pub pairs: usize,
    /// How long it took, in seconds.
    pub seconds: f64,
}

impl RecommendationService {
    /// Learns from all interactions, by the recipe that was chosen last or else the usual one, stores the best items of every user, and takes the new model
    /// into service whole. `observer` receives the progress of the whole and may stop the training; what was
    /// served before then stays.
    ///
    /// A model that is worse than the one in service is not taken, unless `force` says so: one that
    /// leaves too many users with too few items, or whose NDCG@10 on held-out interactions has
    /// fallen.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for whoever is no admin; [`Error::Unavailable`] when another training of
    /// the schema runs; [`Refusal::Conflict`] when there is nothing to learn from, when it was stopped, or when the new
    /// model is worse.
    pub async fn train(
        &self,
        viewer: &Viewer,
        how: TrainingOptions,
        observer: impl ProgressObserver + 'static,
    ) -> Result<TrainingResult> {
        viewer.admin()?;
        let progress = RunReporter::new(Run::Training { choose: how.choose }, observer);
        let began = Instant::now();
        let Some(mut store) = self.store.begin_training().await? else {
            return Err(another_training());
        };
        let trained = self.train_in(&mut store, how, None, began, progress).await;
        // At once, whatever came of it: the next training need not wait for a socket to be missed.
        store.end().await;
        trained
    }

    /// Measures how good the recipe of the model in service is on interactions that are held out,
    /// or with `choose` searches for the best. Nothing changes by it. `observer` receives the progress of the
    /// whole and may stop it.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for whoever is no admin; [`Error::Unavailable`] when a training of the
    /// schema runs; [`Refusal::Conflict`] when there is nothing to learn from, or when it was stopped.
    pub async fn evaluate(
        &self,
        viewer: &Viewer,
        choose: bool,
        observer: impl ProgressObserver + 'static,
    ) -> Result<EvaluationResult> {
        viewer.admin()?;
        let mut progress = RunReporter::new(Run::Evaluation { choose }, observer);
        let began = Instant::now();
        let Some(mut store) = self.store.begin_training().await? else {
            return Err(another_training());
        };
        let data = self.read(&mut store, None, &mut progress).await;
        store.end().await;
        let data = Arc::new(data?);
        let training = &self.ctx.settings.training;
        let (plan, progress) = if choose {
            chosen(Arc::clone(&data), training.seed, progress).await?
        } else {
            let active = self.models.active(ModelKind::Collaborative).await?;
            (ModelPlan::usual(active.as_ref(), training, &data), progress)
        };
        let plan = Arc::new(plan);
        let (evaluation, _) = self
            .evaluation(Arc::clone(&data), Arc::clone(&plan), progress)
            .await?;
        let figure = evaluation.map(|evaluation| evaluation.figure);
        Ok(EvaluationResult {
            algorithm: plan.algorithm(),
            settings: plan.settings(),
            ndcg_at_10: figure.as_ref().map(|figure| figure.served.ndcg_at_10.mean),
            figure,
            users: data.users.len(),
            items: data.items.len(),
            pairs: data.positive.len(),
            seconds: began.elapsed().as_secs_f64(),
        })
    }

    async fn train_in(
        &self,
        store: &mut TrainingStore,
        TrainingOptions {
            force,
            choose,
            candidate,
        }: TrainingOptions,
        given: Option<ModelPlan>,
        began: Instant,
        mut progress: RunReporter,
    ) -> Result<TrainingResult> {
        let among = given.as_ref().and_then(ModelPlan::items);
        let data = Arc::new(self.read(store, among, &mut progress).await?);
        let before = self.models.active(ModelKind::Collaborative).await?;
        let training = &self.ctx.settings.training;
        let (plan, progress) = match given {
            Some(plan) => (plan, progress),
            None if choose => chosen(Arc::clone(&data), training.seed, progress).await?,
            None => {
                let plan = ModelPlan::usual(before.as_ref(), training, &data);
                (plan, progress)
            }
        };
        let plan = Arc::new(plan);
        let (evaluation, progress) = self
            .evaluation(Arc::clone(&data), Arc::clone(&plan), progress)
            .await?;
        let figure = evaluation
            .as_ref()
            .map(|evaluation| evaluation.figure.clone());
        let (algorithm, settings) = (plan.algorithm(), plan.settings());
        let begun = self
            .models
            .begin(ModelKind::Collaborative, &algorithm, settings);
        let mut model = begun.await?;
        let ndcg_at_10 = figure.as_ref().map(|figure| figure.served.ndcg_at_10.mean);
        if !force
            && !candidate
            && let Err(refused) = not_worse(figure.as_ref(), before.as_ref())
        {
            // Whoever asks later why it is not there finds what was measured.
            let metrics = json!({
                "ndcgAt10": ndcg_at_10, "served": figure, "refused": refused.to_string(),
            });
            self.models.refuse(model.id, metrics).await?;
            return Err(refused);
        }
        let outcome = self
            .fit_and_store(store, &model, Arc::clone(&data), plan, progress)
            .await
            .and_then(|(fitted, mut progress)| {
                fitted.check(force || candidate)?;
                progress.begin_commit()?;
                Ok(fitted)
            });
        let fitted = match outcome {
            Ok(fitted) => fitted,
            Err(error) => {
                self.models.abandon(model.id).await?;
                return Err(error);
            }
        };
        let seconds = began.elapsed().as_secs_f64();
        let pairs = data.positive.len();
        let metrics = json!({
            "users": fitted.users, "items": data.items.len(), "pairs": pairs, "seconds": seconds,
            "ndcgAt10": ndcg_at_10, "served": figure, "usersWithEnough": fitted.served,
        });
        self.models.finish(model.id, metrics).await?;
        self.keep_ranker(model.id, evaluation).await?;
        if !candidate {
            // The ranker with it.
            model = self.models.activate(model.id).await?;
        }
        self.invalidate_non_personalised();
        self.refresh_served_model().await?;
        self.refresh_ranker().await?;
        Ok(TrainingResult {
            model,
            users: fitted.users,
            items: data.items.len(),
            pairs,
            figure,
            seconds,
        })
    }

    async fn fit_and_store(
        &self,
        store: &mut TrainingStore,
        model: &ModelVersion,
        data: Arc<TrainingData>,
        plan: Arc<ModelPlan>,
        mut progress: RunReporter,
    ) -> Result<(Fitted, RunReporter)> {
        // Training takes all cores for a while: not on the threads that answer requests.
        let training_data = Arc::clone(&data);
        let (collaborative, mut progress) = blocking(move || {
            let collaborative = plan.fit(&data.positive, Step::Train, &mut progress)?;
            Ok((Arc::new(collaborative), progress))
        })
        .await?;
        let artifact = {
            let (data, collaborative) = (Arc::clone(&training_data), Arc::clone(&collaborative));
            blocking(move || Ok(to_bytes(&data.items, &collaborative))).await?
        };
        self.models.write_artifact(model.id, artifact).await?;
        let with_taste: Vec<u32> = (0..training_data.users.len() as u32)
            .filter(|user| !training_data.positive.row(*user as usize).0.is_empty())
            .collect();
        let keep = self.ctx.settings.recommendations.batch_size;
        let mut fitted = Fitted::default();
        for users in with_taste.chunks(at_once(training_data.items.len())) {
            let mut users = users.to_vec();
            loop {
                let (some, model) = (users.clone(), model.id);
                let (data, collaborative) =
                    (Arc::clone(&training_data), Arc::clone(&collaborative));
                let (rows, served) =
                    blocking(move || lists(&data, &collaborative, &some, keep, model.uuid()))
                        .await?;
                if store.keep(&rows).await? {
                    fitted.users += users.len();
                    fitted.served += served;
                    break;
                }
                // Who was erased while the model was fitted gets no list.
                let ids = users.iter().map(|user| training_data.users[*user as usize]);
                let present = store.present(&ids.collect::<Vec<_>>()).await?;
                let before = users.len();
                users.retain(|user| present.contains(&training_data.users[*user as usize]));
                if users.len() == before {
                    return Err(conflict("the model was removed while it was trained"));
                }
            }
            progress.step(Step::Store, fitted.users, with_taste.len())?;
        }
        Ok((fitted, progress))
    }
}

/// How many users have lists, and how many of them lists that are long enough.
#[derive(Default)]
struct Fitted {
    users: usize,
    served: usize,
}

impl Fitted {
    fn check(&self, force: bool) -> Result<()> {
        let share = self.served as f64 / self.users.max(1) as f64;
        // Factors that come from elsewhere may come before any user.
        if force || self.users == 0 || share >= SERVED_SHARE {
            return Ok(());
        }
        Err(conflict(&format!(
            "only {:.0} % of the users would have {ENOUGH} items or more, and {:.0} % must; the \
             model in service stays; `force` takes the new one all the same",
            100.0 * share,
            100.0 * SERVED_SHARE
        )))
    }
}

/// The lists of so many users are drawn at once, in a catalogue of so many items.
fn at_once(items: usize) -> usize {
    (SCORES / items.max(1)).clamp(16, CHUNK)
}

/// Runs a long computation on a thread for blocking work.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|panicked| Error::Internal(panicked.into()))?
}

fn explain(error: CollaborativeError) -> Error {
    match error {
        CollaborativeError::NoInteractions => conflict(
            "there is nothing to learn from yet: no user has taken anything; import or record \
             interactions first",
        ),
        CollaborativeError::Stopped => conflict("the training was stopped"),
        CollaborativeError::Recipe(message) => {
            conflict(&format!("the settings of `training`: {message}"))
        }
        other => Error::Internal(other.into()),
    }
}

fn conflict(message: &str) -> Error {
    Refusal::Conflict {
        message: message.to_owned(),
    }
    .into()
}
