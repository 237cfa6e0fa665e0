//! Training the collaborative model and putting its lists into service.

use std::ops::ControlFlow;
use std::time::Instant;

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use serde_json::json;
use uuid::Uuid;

use super::model::MOST_WEIGHT;
use super::service::RecommendationService;
use super::store::TrainingStore;
use crate::domain::auth::Viewer;
use crate::domain::models::{ModelKind, ModelService, ModelVersion};
use crate::foundation::{Error, Refusal, Result};
use crate::platform::config::Training as Settings;
use crate::platform::db::copy::Rows;
use crate::ranking::als::{Factors, Ials, IalsError, IalsSettings, Method};
use crate::ranking::fold_in::FoldIn;
use crate::ranking::matrix::{Interactions, Repeats};

/// So many users' lists are computed and copied at a time.
const CHUNK: usize = 2_000;

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

/// What a training does, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Reading interactions.
    Read,
    /// Sweeping over users and items.
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
    /// Learns from all interactions, stores the best items of every user, and takes the new model
    /// into service whole. `observe` hears of each step and may stop the training; what was served
    /// before then stays.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for whoever is no admin; [`Refusal::Conflict`] when another training of
    /// the schema runs, when there is nothing to learn from, or when it was stopped.
    pub async fn train(
        &self,
        viewer: &Viewer,
        models: &ModelService,
        mut observe: impl FnMut(Progress) -> ControlFlow<()> + Send + 'static,
    ) -> Result<Trained> {
        viewer.admin()?;
        let began = Instant::now();
        let Some(mut store) = self.store.begin_training().await? else {
            return Err(conflict("another training of this schema is running"));
        };
        let data = self.read(&mut store, &mut observe).await?;
        let settings = settings(&self.ground.settings.training);
        let model = models
            .begin(
                ModelKind::Collaborative,
                "ials",
                describe(&self.ground.settings.training),
            )
            .await?;
        let outcome = self
            .fit_and_store(&mut store, &model, data, settings, observe)
            .await;
        let (users, items, pairs) = match outcome {
            Ok(counts) => counts,
            Err(error) => {
                models.discard(model.id).await?;
                return Err(error);
            }
        };
        let seconds = began.elapsed().as_secs_f64();
        let metrics = json!({ "users": users, "items": items, "pairs": pairs, "seconds": seconds });
        models.activate(model.id, metrics).await?;
        self.forget_common();
        Ok(Trained {
            model,
            users,
            items,
            pairs,
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
        data: Data,
        settings: IalsSettings,
        mut observe: impl FnMut(Progress) -> ControlFlow<()> + Send + 'static,
    ) -> Result<(usize, usize, usize)> {
        let pairs = data.positive.len();
        // The maths takes all cores for a while: not on the threads that answer requests.
        let (data, factors, fold_in, mut observe) = tokio::task::spawn_blocking(move || {
            let factors = Ials::fit(&data.positive, &settings, &mut |progress| {
                observe(Progress {
                    step: Step::Train,
                    done: progress.sweep as u64,
                    of: progress.sweeps as u64,
                })
            })
            .map_err(explain)?;
            let fold_in = FoldIn::new(factors.items(), &settings).map_err(explain)?;
            Ok::<_, Error>((
                std::sync::Arc::new(data),
                std::sync::Arc::new(factors),
                std::sync::Arc::new(fold_in),
                observe,
            ))
        })
        .await
        .map_err(|panicked| Error::Internal(panicked.into()))??;
        let with_taste: Vec<u32> = (0..data.users.len() as u32)
            .filter(|user| !data.positive.row(*user as usize).0.is_empty())
            .collect();
        let keep = self.ground.settings.recommendations.batch_size;
        let mut done = 0;
        for users in with_taste.chunks(CHUNK) {
            let (users, model) = (users.to_vec(), model.id);
            let (data, factors, fold_in) = (data.clone(), factors.clone(), fold_in.clone());
            done += users.len();
            let rows = tokio::task::spawn_blocking(move || {
                lists(&data, &factors, &fold_in, &users, keep, model.uuid())
            })
            .await
            .map_err(|panicked| Error::Internal(panicked.into()))??;
            store.keep(&rows).await?;
            step(&mut observe, Step::Store, done, with_taste.len())?;
        }
        Ok((with_taste.len(), data.items.len(), pairs))
    }
}

/// The rows of these users in `batch_recommendations`.
fn lists(
    data: &Data,
    factors: &Factors,
    fold_in: &FoldIn,
    users: &[u32],
    keep: usize,
    model: Uuid,
) -> Result<Rows> {
    let of_user = |user: &u32| {
        let row = *user as usize;
        let mut scores = Vec::new();
        factors.score_all(factors.users().row(row), &mut scores);
        for (score, offered) in scores.iter_mut().zip(&data.offered) {
            if !offered {
                *score = f32::NAN; // no place in a list
            }
        }
        let best = crate::ranking::top::best(&scores, keep, data.met.row(row).0);
        let (items, weights) = data.positive.row(row);
        let past: Vec<(u32, f32)> = items.iter().copied().zip(weights.iter().copied()).collect();
        let wanted: Vec<u32> = best.iter().map(|(item, _)| *item).collect();
        let reasons = fold_in.explain(&past, &wanted).map_err(explain)?;
        Ok::<_, Error>((*user, best, reasons))
    };
    let drawn: Vec<_> = users.par_iter().map(of_user).collect::<Result<_>>()?;
    let mut rows = Rows::new();
    for (user, best, reasons) in drawn {
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
    Ok(rows)
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

fn describe(training: &Settings) -> serde_json::Value {
    json!({
        "factors": training.factors,
        "sweeps": training.sweeps,
        "unobservedWeight": training.unobserved_weight,
        "regularisation": training.regularisation,
        "regularisationExponent": training.regularisation_exponent,
        "initialDeviation": training.initial_deviation,
        "seed": training.seed,
    })
}

fn explain(error: IalsError) -> Error {
    match error {
        IalsError::NoInteractions => conflict(
            "there is nothing to learn from yet: no user has taken anything; import or record \
             interactions first",
        ),
        IalsError::Stopped(_) => conflict("the training was stopped"),
        IalsError::Settings(message) => conflict(&format!("the settings of `training`: {message}")),
        other => Error::Internal(other.into()),
    }
}

fn conflict(message: &str) -> Error {
    Refusal::Conflict {
        message: message.to_owned(),
    }
    .into()
}
