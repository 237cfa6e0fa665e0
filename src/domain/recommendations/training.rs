//! Training the collaborative model and putting its lists into service.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::json;
use uuid::Uuid;

use super::live::to_bytes;
use super::service::RecommendationService;
use super::store::TrainingStore;
use crate::domain::auth::Viewer;
use crate::domain::interactions::MOST_WEIGHT;
use crate::domain::models::{ModelKind, ModelVersion};
use crate::foundation::{Error, Refusal, Result};
use crate::platform::config::Training as Settings;
use crate::platform::db::copy::Rows;
use crate::ranking::collaborative::{CollaborativeError, Kind, Model, Part, Recipe};
use crate::ranking::matrix::{Interactions, Repeats};
use crate::ranking::selection::{self, Family, Fold, Given, Plan, Trial};
use crate::ranking::{IalsSettings, Method, Scores, top};

/// So many users' lists are computed and copied at a time.
const CHUNK: usize = 2_000;
/// Of every user with at least so many items, a part is held out to measure by.
const MEASURED_FROM: usize = 5;
/// One in so many items is held out.
const HELD_OUT: usize = 5;
/// A choice is made on so many random splits, with at most so many trials of each family.
const FOLDS: u64 = 2;
const TRIALS: usize = 16;
/// At most so many users are measured.
const MEASURED_USERS: usize = 2_000;
/// A model is taken into service if at least this share of its users has at least [`ENOUGH`] items,
/// or all that they have not met.
const SERVED_SHARE: f64 = 0.8;
const ENOUGH: usize = 30;
/// Its NDCG@10 may be smaller than that of the model in service by at most this share of it, since
/// both were measured on samples.
const TOLERANCE: f64 = 0.1;

/// How far a training has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// What is being done.
    pub step: Step,
    /// How much of the step is done.
    pub done: u64,
    /// How much the step has in all; 0 where that is not known.
    pub of: u64,
}

/// How to train.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct How {
    /// Take the new model into service even if it is worse than the one that serves.
    pub force: bool,
    /// First choose models, their settings and how they are blended, on interactions that are held
    /// out. It takes some fifty trainings; later trainings keep to the choice.
    pub choose: bool,
}

/// What a training does, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Reading interactions.
    Read,
    /// Choosing models and settings, by trials on held-out interactions.
    Choose,
    /// Measuring how good it will be, on interactions that are held out.
    Measure,
    /// Learning from all of them.
    Train,
    /// Drawing and storing the users' lists.
    Store,
}

/// What came of a training.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The model, now active.
    pub model: ModelVersion,
    /// How many users it has lists for.
    pub users: usize,
    /// How many items it knows.
    pub items: usize,
    /// From how many pairs of user and item it learnt.
    pub pairs: usize,
    /// NDCG@10 on what was held out; `None` where nobody has taken enough to hold something out.
    pub ndcg_at_10: Option<f64>,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// What the model learns from.
struct Data {
    users: Vec<Uuid>,
    items: Vec<Uuid>,
    /// What speaks for an item.
    positive: Interactions,
    /// What a list leaves out: everything the user has met.
    met: Interactions,
    /// Which items may be recommended at all.
    offered: Vec<bool>,
}

impl RecommendationService {
    /// Learns from all interactions, by the recipe that was chosen last or else the usual one, stores the best items of every user, and takes the new model
    /// into service whole. `observe` hears of each step and may stop the training; what was served
    /// before then stays.
    ///
    /// A model that is worse than the one in service is not taken, unless `force` says so: one that
    /// leaves too many users with too few items, or whose NDCG@10 on held-out interactions has
    /// fallen.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for whoever is no admin; [`Refusal::Conflict`] when another training of
    /// the schema runs, when there is nothing to learn from, when it was stopped, or when the new
    /// model is worse.
    pub async fn train(
        &self,
        viewer: &Viewer,
        how: How,
        observe: impl FnMut(Progress) -> ControlFlow<()> + Send + 'static,
    ) -> Result<Trained> {
        viewer.admin()?;
        let began = Instant::now();
        let Some(mut store) = self.store.begin_training().await? else {
            return Err(conflict("another training of this schema is running"));
        };
        let trained = self.train_in(&mut store, how, began, observe).await;
        // At once, whatever came of it: the next training need not wait for a socket to be missed.
        store.end().await;
        trained
    }

    async fn train_in(
        &self,
        store: &mut TrainingStore,
        How { force, choose }: How,
        began: Instant,
        mut observe: impl FnMut(Progress) -> ControlFlow<()> + Send + 'static,
    ) -> Result<Trained> {
        let data = Arc::new(self.read(store, &mut observe).await?);
        let before = self.models.active(ModelKind::Collaborative).await?;
        let training = &self.ground.settings.training;
        let (recipe, chosen, observe) = if choose {
            let seed = training.seed;
            let (recipe, observe) = chosen(Arc::clone(&data), seed, observe).await?;
            (recipe, true, observe)
        } else {
            let kept = before.as_ref().and_then(kept_choice);
            let chosen = kept.is_some();
            let recipe = kept.unwrap_or_else(|| recipe(training, data.items.len()));
            (recipe, chosen, observe)
        };
        let (ndcg, observe) = measured(Arc::clone(&data), recipe.clone(), observe).await?;
        if !force {
            not_worse(ndcg, before.as_ref())?;
        }
        let model = self
            .models
            .begin(
                ModelKind::Collaborative,
                &named(&recipe),
                json!({ "parts": recipe.parts, "chosen": chosen }),
            )
            .await?;
        let outcome = self
            .fit_and_store(store, &model, Arc::clone(&data), recipe, observe)
            .await
            .and_then(|fitted| fitted.check(force).map(|()| fitted));
        let fitted = match outcome {
            Ok(fitted) => fitted,
            Err(error) => {
                self.models.discard(model.id).await?;
                return Err(error);
            }
        };
        let seconds = began.elapsed().as_secs_f64();
        let pairs = data.positive.len();
        let metrics = json!({
            "users": fitted.users, "items": data.items.len(), "pairs": pairs, "seconds": seconds,
            "ndcgAt10": ndcg, "usersWithEnough": fitted.served,
        });
        self.models.activate(model.id, metrics).await?;
        self.forget_common();
        self.refresh_live().await?;
        Ok(Trained {
            model,
            users: fitted.users,
            items: data.items.len(),
            pairs,
            ndcg_at_10: ndcg,
            seconds,
        })
    }

    async fn read(
        &self,
        store: &mut TrainingStore,
        observe: &mut (dyn FnMut(Progress) -> ControlFlow<()> + Send),
    ) -> Result<Data> {
        let weights = self.interactions.weights().await?;
        let (mut users, mut items) = (Numbers::default(), Numbers::default());
        let mut taken: Vec<(u32, u32, f32)> = Vec::new();
        store
            .interactions(|row| {
                let weight = weights.weight(row.kind, row.value);
                taken.push((users.of(row.user)?, items.of(row.item)?, weight));
                if taken.len().is_multiple_of(100_000) {
                    step(observe, Step::Read, taken.len(), 0)?;
                }
                Ok(())
            })
            .await?;
        step(observe, Step::Read, taken.len(), taken.len())?;
        let mut offered = vec![false; items.list.len()];
        for id in store.offered().await? {
            if let Some(place) = items.places.get(&id) {
                offered[*place as usize] = true;
            }
        }
        let (rows, columns) = (users.list.len(), items.list.len());
        // Net of what speaks against: the rows of one pair follow each other once sorted.
        taken.par_sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)));
        let pairs: Vec<(u32, u32, f32)> = taken
            .chunk_by(|a, b| (a.0, a.1) == (b.0, b.1))
            .map(|same| {
                let net: f32 = same.iter().map(|(_, _, weight)| weight).sum();
                (same[0].0, same[0].1, net.min(MOST_WEIGHT))
            })
            .collect();
        drop(taken);
        let table = |triplets: Vec<(u32, u32, f32)>| {
            Interactions::from_triplets(rows, columns, triplets.iter().copied(), Repeats::Max)
                .map_err(|error| Error::Internal(error.into()))
        };
        let met = table(
            pairs
                .iter()
                .map(|(user, item, _)| (*user, *item, 1.0))
                .collect(),
        )?;
        let positive = table(pairs.into_iter().filter(|(_, _, net)| *net > 0.0).collect())?;
        Ok(Data {
            users: users.list,
            items: items.list,
            positive,
            met,
            offered,
        })
    }

    async fn fit_and_store(
        &self,
        store: &mut TrainingStore,
        model: &ModelVersion,
        data: Arc<Data>,
        recipe: Recipe,
        mut observe: impl FnMut(Progress) -> ControlFlow<()> + Send + 'static,
    ) -> Result<Fitted> {
        // The maths takes all cores for a while: not on the threads that answer requests.
        let learnt = Arc::clone(&data);
        let (maths, mut observe) = blocking(move || {
            let maths = fit(&recipe, &learnt.positive, Step::Train, &mut observe)?;
            Ok((Arc::new(maths), observe))
        })
        .await?;
        let artifact = {
            let (data, maths) = (Arc::clone(&data), Arc::clone(&maths));
            blocking(move || Ok(to_bytes(&data.items, &maths))).await?
        };
        self.models.keep_artifact(model.id, artifact).await?;
        let with_taste: Vec<u32> = (0..data.users.len() as u32)
            .filter(|user| !data.positive.row(*user as usize).0.is_empty())
            .collect();
        let keep = self.ground.settings.recommendations.batch_size;
        let mut fitted = Fitted::default();
        for users in with_taste.chunks(CHUNK) {
            let (users, model) = (users.to_vec(), model.id);
            let (data, maths) = (Arc::clone(&data), Arc::clone(&maths));
            fitted.users += users.len();
            let (rows, served) =
                blocking(move || lists(&data, &maths, &users, keep, model.uuid())).await?;
            fitted.served += served;
            store.keep(&rows).await?;
            step(&mut observe, Step::Store, fitted.users, with_taste.len())?;
        }
        Ok(fitted)
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
        if force || share >= SERVED_SHARE {
            return Ok(());
        }
        Err(conflict(&format!(
            "only {:.0} % of the users would have {ENOUGH} items or more, and {:.0} % must; the \
             model in service stays; train with `force` to take the new one all the same",
            100.0 * share,
            100.0 * SERVED_SHARE
        )))
    }
}

/// Refuses a model whose NDCG has fallen.
fn not_worse(ndcg: Option<f64>, before: Option<&ModelVersion>) -> Result<()> {
    let known = before.and_then(|model| model.metrics["ndcgAt10"].as_f64());
    let (Some(ndcg), Some(known)) = (ndcg, known) else {
        return Ok(());
    };
    if ndcg >= known * (1.0 - TOLERANCE) {
        return Ok(());
    }
    Err(conflict(&format!(
        "the NDCG@10 of the new model is {ndcg:.4}, that of the one in service {known:.4}; the \
         model in service stays; train with `force` to take the new one all the same"
    )))
}

/// The recipe that does best on interactions that are held out.
async fn chosen<O>(data: Arc<Data>, seed: u64, mut observe: O) -> Result<(Recipe, O)>
where
    O: FnMut(Progress) -> ControlFlow<()> + Send + 'static,
{
    blocking(move || {
        let folds = (0..FOLDS).map(|fold| Fold::at_random(&data.positive, 0.1, seed ^ fold));
        let folds: Vec<Fold> = folds
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| Error::Internal(error.into()))?
            .into_iter()
            .filter(Fold::is_useful)
            .collect();
        let plan = Plan {
            families: vec![Family::Ials, Family::Edlae, Family::Graph],
            trials: TRIALS,
            given: Given::default(),
            seed,
        };
        let mut done = 0;
        let mut told = |_: &Trial| {
            done += 1;
            observe(Progress {
                step: Step::Choose,
                done,
                of: 0,
            })
        };
        let choice = selection::choose(&folds, &plan, &mut told).map_err(explain)?;
        Ok((choice.recipe, observe))
    })
    .await
}

/// The recipe of a model, if it was chosen and not just the usual one.
fn kept_choice(model: &ModelVersion) -> Option<Recipe> {
    let chosen = model.settings["chosen"].as_bool() == Some(true);
    let recipe = || serde_json::from_value::<Recipe>(model.settings.clone()).ok();
    chosen.then(recipe).flatten()
}

/// NDCG@10 of the recipe on interactions that are held out, over a sample of the users.
async fn measured<O>(data: Arc<Data>, recipe: Recipe, mut observe: O) -> Result<(Option<f64>, O)>
where
    O: FnMut(Progress) -> ControlFlow<()> + Send + 'static,
{
    blocking(move || {
        let table = &data.positive;
        // Which pairs are held out depends on the ids alone, so that two trainings of the same
        // data hold out the same.
        let held = |user: u32, item: u32| {
            let name = [
                data.users[user as usize].as_bytes().as_slice(),
                data.items[item as usize].as_bytes().as_slice(),
            ];
            let large = table.row(user as usize).0.len() >= MEASURED_FROM;
            large && xxhash_rust::xxh3::xxh3_64(&name.concat()).is_multiple_of(HELD_OUT as u64)
        };
        let rest = table
            .triplets()
            .filter(|(user, item, _)| !held(*user, *item));
        let rest = Interactions::from_triplets(
            table.rows(),
            table.columns(),
            rest.collect::<Vec<_>>(),
            Repeats::Max,
        )
        .map_err(|error| Error::Internal(error.into()))?;
        let judged: Vec<u32> = (0..table.rows() as u32)
            .filter(|user| {
                let (left, all) = (rest.row(*user as usize).0, table.row(*user as usize).0);
                !left.is_empty() && left.len() < all.len()
            })
            .take(MEASURED_USERS)
            .collect();
        if judged.is_empty() {
            return Ok((None, observe));
        }
        let maths = fit(&recipe, &rest, Step::Measure, &mut observe)?;
        let score = |user: &u32| {
            let (seen, weights) = rest.row(*user as usize);
            let entries: Vec<_> = seen.iter().copied().zip(weights.iter().copied()).collect();
            let mut scores = Vec::new();
            maths.scores(&entries, &mut scores).map_err(explain)?;
            let list = top::best(&scores, 10, seen).into_iter();
            let list: Vec<u32> = list.map(|(item, _)| item).collect();
            let all = table.row(*user as usize).0.iter().copied();
            let held: FxHashSet<u32> = all.filter(|item| held(*user, *item)).collect();
            Ok::<_, Error>(Scores::of(&list, &held))
        };
        let scores: Vec<Scores> = judged.par_iter().map(score).collect::<Result<_>>()?;
        Ok((Some(Scores::mean(&scores).ndcg_at_10), observe))
    })
    .await
}

fn fit(
    recipe: &Recipe,
    table: &Interactions,
    at: Step,
    observe: &mut (impl FnMut(Progress) -> ControlFlow<()> + Send),
) -> Result<Model> {
    let mut told = |done: f32| {
        observe(Progress {
            step: at,
            done: (done * 100.0) as u64,
            of: 100,
        })
    };
    Model::fit(recipe, table, &mut told).map_err(explain)
}

/// Runs maths on a thread of its own.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|panicked| Error::Internal(panicked.into()))?
}

/// The rows of these users in `batch_recommendations`, and how many of them have enough.
fn lists(
    data: &Data,
    maths: &Model,
    users: &[u32],
    keep: usize,
    model: Uuid,
) -> Result<(Rows, usize)> {
    let offered = data.offered.iter().filter(|offered| **offered).count();
    let of_user = |user: &u32| {
        let row = *user as usize;
        let (items, weights) = data.positive.row(row);
        let past: Vec<(u32, f32)> = items.iter().copied().zip(weights.iter().copied()).collect();
        let mut scores = Vec::new();
        maths.scores(&past, &mut scores).map_err(explain)?;
        for (score, offered) in scores.iter_mut().zip(&data.offered) {
            if !offered {
                *score = f32::NAN; // no place in a list
            }
        }
        let met = data.met.row(row).0;
        let best = top::best(&scores, keep, met);
        let wanted: Vec<u32> = best.iter().map(|(item, _)| *item).collect();
        let reasons = maths.explain(&past, &wanted).map_err(explain)?;
        let enough = best.len() >= ENOUGH.min(keep) || best.len() + met.len() >= offered;
        Ok::<_, Error>((*user, best, reasons, enough))
    };
    let drawn: Vec<_> = users.par_iter().map(of_user).collect::<Result<_>>()?;
    let mut rows = Rows::new();
    let mut served = 0;
    for (user, best, reasons, enough) in drawn {
        served += usize::from(enough);
        rows.plain(model)
            .plain(data.users[user as usize])
            .plains(best.iter().map(|(item, _)| data.items[*item as usize]))
            .plains(best.iter().map(|(_, score)| *score))
            .plains(reasons.iter().map(|reason| {
                if reason.contribution > 0.0 {
                    data.items[reason.because as usize]
                } else {
                    Uuid::nil()
                }
            }));
        rows.end();
    }
    Ok((rows, served))
}

/// Dense numbers for ids, in the order of their first appearance.
#[derive(Default)]
struct Numbers {
    places: FxHashMap<Uuid, u32>,
    list: Vec<Uuid>,
}

impl Numbers {
    fn of(&mut self, id: Uuid) -> Result<u32> {
        if let Some(place) = self.places.get(&id) {
            return Ok(*place);
        }
        let place = u32::try_from(self.list.len())
            .map_err(|_| anyhow::anyhow!("more than 4 billion users or items"))?;
        self.places.insert(id, place);
        self.list.push(id);
        Ok(place)
    }
}

fn step(
    observe: &mut (dyn FnMut(Progress) -> ControlFlow<()> + Send),
    step: Step,
    done: usize,
    of: usize,
) -> Result<()> {
    let progress = Progress {
        step,
        done: done as u64,
        of: of as u64,
    };
    match observe(progress) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(conflict("the training was stopped")),
    }
}

/// What the model is made of: the recipe of the settings, or else the usual one, with factors as
/// the settings say. Where the catalogue is too large for it, the linear model is left out.
fn recipe(training: &Settings, items: usize) -> Recipe {
    let usual = Recipe::default().parts.into_iter();
    let parts = usual.filter_map(|part| match part.kind {
        Kind::Ials(_) => Some(Part {
            kind: Kind::Ials(settings(training)),
            ..part
        }),
        Kind::Ease(_) if items > training.linear_up_to => None,
        _ => Some(part),
    });
    Recipe {
        parts: parts.collect(),
    }
}

/// The names of the parts of a recipe, joined: `ials+ease+graph`.
fn named(recipe: &Recipe) -> String {
    let name = |part: &Part| match part.kind {
        Kind::Ials(_) => "ials",
        Kind::Ease(_) => "ease",
        Kind::Graph(_) => "graph",
        Kind::Popular => "popular",
    };
    let names: Vec<&str> = recipe.parts.iter().map(name).collect();
    names.join("+")
}

fn settings(training: &Settings) -> IalsSettings {
    IalsSettings {
        factors: training.factors,
        sweeps: training.sweeps,
        unobserved_weight: training.unobserved_weight,
        regularisation: training.regularisation,
        exponent: training.regularisation_exponent,
        deviation: training.initial_deviation,
        seed: training.seed,
        method: Method::Steps(3),
    }
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
