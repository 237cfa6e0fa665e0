//! Choosing a recipe by trying: which models, with which settings, blended how.
//!
//! Everything is judged on [`Fold`]s: what was held out is ranked by a model that learnt from the
//! rest. The search has three stages:
//!
//! 1. *Exploration* tries many settings of each family at little cost (fewer sweeps, fewer items
//!    of the linear models, and for large data fewer users). Settings are positions on a lattice
//!    of integers, from a start that is scaled by the data; see [`lattice`]. The next trial goes
//!    to the family that promises the largest gain a second; see [`explore`].
//! 2. *Confirmation* trains the best of each family as it would be served, beside all parts of
//!    the reference recipe and popularity.
//! 3. *Blending* finds the weights of all of these; see [`blending`]. The reference recipe is one
//!    point of its grid and popularity another, and what is chosen is no worse than either.
//!
//! Against choosing what was merely lucky: a trial is the mean over all folds, the quality is the
//! mean of three measures that agree but for noise, steps are coarse, and the weights of the
//! blend count as good as they and their neighbours are together.
//!
//! The order and number of the trials depend on the data, the plan and the results, not on a
//! clock, so the choice does not either; see [`cost`].

mod blending;
mod cost;
mod explore;
mod family;
mod fold;
mod lattice;
mod pool;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;

use super::collaborative::{CollaborativeError, Kind, Recipe};
use super::symmetric::Observer;
use cost::Size;
use explore::Explorer;
use family::Scale;

pub use family::{Family, Given};
pub use fold::Fold;

/// What is searched, and how long.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The families among which is chosen, at least 1; a blend of them may win.
    pub families: Vec<Family>,
    /// The recipe that would be used without a search. Where `compare` is set it is among the
    /// candidates, and popularity too; what is chosen is no worse on the folds than either.
    pub reference: Recipe,
    /// Whether the reference and popularity are candidates.
    pub compare: bool,
    /// How much may be spent on the search and the training of what it finds, in seconds of two
    /// cores of a server processor; see [`budget`].
    pub budget: f64,
    /// How many settings of each family are tried at most, at least 1.
    pub trials: usize,
    /// Settings of the factors that are given and not searched.
    pub given: Given,
    /// Decides the start of the factors, and who is in a sample.
    pub seed: u64,
}

/// What a search and the training of what it finds may cost together where training the
/// reference on the same fold costs so much: 0.7 of it more, and 45 seconds.
pub fn budget(fold: &Fold, reference: &Recipe) -> f64 {
    1.7 * Size::of(fold.seen()).of_recipe(reference) + 45.0
}

/// Into how many random splits a table of so many entries is worth splitting besides one that is
/// given: the fewer entries, the less any single split says.
pub fn more_splits(entries: usize) -> u64 {
    match entries {
        0..1_000 => 20,
        1_000..10_000 => 8,
        10_000..100_000 => 2,
        100_000..300_000 => 1,
        _ => 0,
    }
}

/// How a trial was made; only the qualities of one stage can be compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stage {
    /// At little cost.
    Exploration,
    /// As it would be served.
    Confirmation,
}

/// One recipe and how good its lists were.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// What was tried.
    pub recipe: Recipe,
    /// The mean over the folds of NDCG@10, recall@20 and NDCG@100 together, from 0 to 1.
    pub quality: f64,
    /// How it was tried.
    pub stage: Stage,
}

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The recipe to train with.
    pub recipe: Recipe,
    /// Its quality on the folds.
    pub quality: f64,
    /// The standard error of the quality.
    pub error: f64,
    /// The best of each family that was confirmed.
    pub leaders: Vec<Trial>,
    /// How good the reference was, if it was compared.
    pub reference: Option<f64>,
    /// How good popularity was, if it was compared.
    pub popularity: Option<f64>,
    /// All that was tried, in order.
    pub trials: Vec<Trial>,
}

/// Finds a good recipe. `observe` hears how much is done, from 0 to 1, as often as
/// [`Model::fit`](super::collaborative::Model::fit) says it, and may end the search: within a
/// trial as well as between two.
///
/// # Errors
/// As [`Model::fit`](super::collaborative::Model::fit); [`CollaborativeError::NoInteractions`]
/// if there are no folds or no families, or nothing to judge by, too, and
/// [`CollaborativeError::Stopped`].
pub fn choose(
    folds: &[Fold],
    plan: &Plan,
    observe: &mut Observer,
) -> Result<Choice, CollaborativeError> {
    let useful = !folds.is_empty() && folds.iter().all(Fold::is_useful);
    if !useful || plan.families.is_empty() {
        return Err(CollaborativeError::NoInteractions);
    }
    plan.reference.check()?;
    let dense = Size::of(folds[0].seen());
    let effort = Effort::of(&dense, folds.len(), plan);
    let mut meter = Meter {
        spent: 0.0,
        all: effort.search,
        last: 0.0,
        observe,
    };
    let mut trials = Vec::new();

    let confirming = sampled(&folds[..effort.folds], effort.confirming_users, plan.seed)?;
    let exploring = sampled(
        &confirming,
        effort.exploring_users,
        plan.seed.wrapping_add(1),
    )?;
    let exploring: Vec<Fold> = exploring
        .into_iter()
        .map(|fold| fold.judged_by(EXPLORED_SCORES))
        .collect();
    let scale = Scale::of(folds[0].seen());
    let cheaper = |kind| effort.cheaper(kind);
    let explorer = Explorer {
        size: Size::of(exploring[0].seen()),
        folds: &exploring,
        scale: Scale::of(exploring[0].seen()),
        given: &plan.given,
        seed: plan.seed,
        most: plan.trials.max(1),
        cheaper: &cheaper,
    };
    let budget = EXPLORING * effort.search;
    let is_feasible = |family: &Family| scale.is_feasible(*family);
    let families: Vec<Family> = plan.families.iter().copied().filter(is_feasible).collect();
    if families.is_empty() {
        return Err(CollaborativeError::Recipe(
            "a model of what comes next needs times",
        ));
    }
    let explored = explorer.explore(&families, budget, &mut meter, &mut trials)?;

    pool::confirm(pool::Confirming {
        folds: &confirming,
        effort: &effort,
        dense,
        scale,
        plan,
        explored,
        kept: 0.0,
        meter,
        trials,
    })
}

/// The share of the search that exploration may take.
const EXPLORING: f64 = 0.35;

/// How much of the search a reference on all folds may take.
const REFERENCE: f64 = 0.35;

/// So many trials, about, exploration should have time for.
const TRIALS: f64 = 60.0;

/// How the budget is shared out, and what is left out of the data and the models to keep to it.
#[derive(Clone, Copy, Debug)]
struct Effort {
    /// How much the search may cost.
    search: f64,
    /// How much the training of what is chosen may cost.
    training: f64,
    /// How many of the folds are used.
    folds: usize,
    /// The share of the users that confirmation sees, and of these that exploration does.
    confirming_users: f64,
    exploring_users: f64,
    /// How many items the linear models have at most in either stage.
    confirming_items: usize,
    exploring_items: usize,
}

impl Effort {
    fn of(size: &Size, folds: usize, plan: &Plan) -> Self {
        let reference = size.of_recipe(&plan.reference);
        // What is chosen may cost more to train than the reference, but not much of the search.
        let training = reference + 0.25 * (plan.budget - reference).max(0.0);
        let search = (plan.budget - training).max(0.25 * plan.budget);
        let mut effort = Self {
            search,
            training,
            folds,
            confirming_users: 1.0,
            exploring_users: 1.0,
            confirming_items: usize::MAX,
            exploring_items: usize::MAX,
        };
        let cost = |effort: &Self| {
            let size = size.share(effort.confirming_users);
            let parts = plan.reference.parts.iter();
            let parts = parts
                .map(|part| size.of_kind(&limited(part.kind.clone(), effort.confirming_items)));
            parts.sum::<f64>() * effort.folds as f64
        };
        let affordable = REFERENCE * search;
        while cost(&effort) > affordable && effort.folds > 1 {
            effort.folds -= 1;
        }
        let linear = |effort: &Self, items: usize| {
            let kind = limited(Kind::Ease(super::ease::EaseSettings::default()), items);
            size.share(effort.confirming_users).of_kind(&kind)
        };
        if cost(&effort) > affordable {
            effort.confirming_items = super::ease::EaseSettings::default().most_items;
            while cost(&effort) > affordable
                && linear(&effort, effort.confirming_items) > affordable / 2.0
                && effort.confirming_items > 1000
            {
                effort.confirming_items = effort.confirming_items * 9 / 10;
            }
        }
        while cost(&effort) > affordable && effort.confirming_users > 1e-3 {
            effort.confirming_users *= 0.8;
        }
        let trial = EXPLORING * search / TRIALS / effort.folds as f64;
        effort.exploring_items = effort.confirming_items.min(8000);
        while linear(&effort, effort.exploring_items) > trial && effort.exploring_items > 500 {
            effort.exploring_items = effort.exploring_items * 9 / 10;
        }
        let factors = |effort: &Self| {
            let kind = effort.cheaper(Kind::Ials(super::IalsSettings {
                factors: EXPLORED_WIDTH,
                ..super::IalsSettings::default()
            }));
            let share = effort.confirming_users * effort.exploring_users;
            size.share(share).of_kind(&kind)
        };
        while factors(&effort) > 1.5 * trial && effort.exploring_users > 0.05 {
            effort.exploring_users *= 0.8;
        }
        effort
    }

    /// The cheaper form of a kind that is tried in exploration.
    fn cheaper(&self, kind: Kind) -> Kind {
        match limited(kind, self.exploring_items) {
            Kind::Ials(settings) => Kind::Ials(super::IalsSettings {
                sweeps: settings.sweeps.min(EXPLORED_SWEEPS),
                ..settings
            }),
            kind => kind,
        }
    }
}

/// How often factors are solved in exploration at most, and how wide they are.
const EXPLORED_SWEEPS: usize = 6;
const EXPLORED_WIDTH: usize = 64;

/// How many scores the lists of one fold may take in exploration.
const EXPLORED_SCORES: usize = 10_000_000;

/// The kind with a linear model of so many items at most.
fn limited(kind: Kind, items: usize) -> Kind {
    match kind {
        Kind::Ease(settings) => Kind::Ease(super::ease::EaseSettings {
            most_items: settings.most_items.min(items),
            ..settings
        }),
        Kind::Sequential(settings) => Kind::Sequential(super::sequential::SequentialSettings {
            most_items: settings.most_items.min(items),
            ..settings
        }),
        Kind::Slim(settings) => Kind::Slim(super::slim::SlimSettings {
            most_items: settings.most_items.min(items),
            ..settings
        }),
        kind => kind,
    }
}

fn sampled(folds: &[Fold], share: f64, seed: u64) -> Result<Vec<Fold>, CollaborativeError> {
    let sample = |fold: &Fold| {
        if share >= 1.0 {
            return Ok(fold.clone());
        }
        let sample = fold.sampled(share, seed)?;
        // So few users that a sample of them is none are all looked at.
        Ok(if sample.is_useful() {
            sample
        } else {
            fold.clone()
        })
    };
    folds.iter().map(sample).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Says how far the search is.
struct Meter<'a, 'b> {
    spent: f64,
    all: f64,
    last: f32,
    observe: &'a mut Observer<'b>,
}

impl Meter<'_, '_> {
    fn spent(&self) -> f64 {
        self.spent
    }

    fn spend(&mut self, cost: f64) {
        self.spent += cost;
    }

    /// Says that so much of what is not yet spent is done.
    fn within(&mut self, cost: f64) -> ControlFlow<()> {
        let done = ((self.spent + cost) / self.all).min(1.0) as f32;
        self.last = self.last.max(done);
        (self.observe)(self.last)
    }

    fn finish(&mut self) -> ControlFlow<()> {
        self.last = 1.0;
        (self.observe)(1.0)
    }
}
