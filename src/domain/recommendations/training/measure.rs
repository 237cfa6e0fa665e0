//! How good a recipe is, and which is best, on interactions that are held out.

use std::ops::ControlFlow;
use std::sync::Arc;

use rayon::prelude::*;
use rustc_hash::FxHashSet;
use xxhash_rust::xxh3::xxh3_64;

use super::data::Data;
use super::{Progress, Step, at_once, blocking, explain, fit, step, told};
use crate::domain::models::ModelVersion;
use crate::foundation::{Error, Result};
use ranking::collaborative::{CollaborativeError, Recipe};
use ranking::matrix::{Interactions, Repeats};
use ranking::selection::{self, Family, Fold, Given, Plan};
use ranking::{Entry, Scores, top};

/// Of every user with at least so many items, a part is held out to measure by.
const MEASURED_FROM: usize = 5;
/// One in so many items is held out.
const HELD_OUT: usize = 5;
/// A choice is made on so many random splits, with at most so many trials of each family.
const FOLDS: u64 = 2;
const TRIALS: usize = 40;
/// At most so many users are measured.
const MEASURED_USERS: usize = 2_000;

/// The recipe that does best on interactions that are held out.
pub(super) async fn chosen<O>(data: Arc<Data>, seed: u64, mut observe: O) -> Result<(Recipe, O)>
where
    O: FnMut(Progress) -> ControlFlow<()> + Send + 'static,
{
    blocking(move || {
        let mut folds = Vec::new();
        for number in 0..FOLDS {
            step(&mut observe, Step::Choose, 0, 100)?;
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
        let choice = {
            let mut told = told(Step::Choose, &mut observe);
            selection::choose(&folds, &plan, &mut told).map_err(explain)?
        };
        Ok((choice.recipe, observe))
    })
    .await
}

/// The recipe of a model, if it was chosen and not just the usual one.
pub(super) fn kept_choice(model: &ModelVersion) -> Option<Recipe> {
    let chosen = model.settings["chosen"].as_bool() == Some(true);
    let recipe = || serde_json::from_value::<Recipe>(model.settings.clone()).ok();
    chosen.then(recipe).flatten()
}

/// NDCG@10 of the recipe on interactions that are held out, over a sample of the users.
pub(super) async fn measured<O>(
    data: Arc<Data>,
    recipe: Recipe,
    mut observe: O,
) -> Result<(Option<f64>, O)>
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
            large && xxh3_64(&name.concat()).is_multiple_of(HELD_OUT as u64)
        };
        step(&mut observe, Step::Measure, 0, 100)?;
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
        let mut judged: Vec<u32> = (0..table.rows() as u32)
            .filter(|user| {
                let (left, all) = (rest.row(*user as usize).0, table.row(*user as usize).0);
                !left.is_empty() && left.len() < all.len()
            })
            .collect();
        // Ids begin with the time: the first would be the users who came first.
        judged.sort_by_cached_key(|user| xxh3_64(data.users[*user as usize].as_bytes()));
        judged.truncate(MEASURED_USERS);
        if judged.is_empty() {
            return Ok((None, observe));
        }
        let maths = fit(&recipe, &rest, Step::Measure, &mut observe)?;
        let score = |user: &u32| {
            let seen = rest.row(*user as usize).0;
            let entries: Vec<Entry> = rest.entries(*user as usize).collect();
            let scored = maths.scores(&entries).map_err(explain)?;
            let list = top::best(&scored.scores, 10, seen).into_iter();
            let list: Vec<u32> = list.map(|(item, _)| item).collect();
            let all = table.row(*user as usize).0.iter().copied();
            let held: FxHashSet<u32> = all.filter(|item| held(*user, *item)).collect();
            Ok::<_, Error>(Scores::of(&list, &held))
        };
        let mut scores: Vec<Scores> = Vec::with_capacity(judged.len());
        for users in judged.chunks(at_once(data.items.len())) {
            let some: Vec<Scores> = users.par_iter().map(score).collect::<Result<_>>()?;
            scores.extend(some);
            step(&mut observe, Step::Measure, 100, 100)?;
        }
        Ok((Some(Scores::mean(&scores).ndcg_at_10), observe))
    })
    .await
}
