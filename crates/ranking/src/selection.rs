//! Choosing a recipe by trying: which models, with which settings, blended how.
//!
//! Everything is judged on [`Fold`]s: what was held out is ranked by a model that learnt from the
//! rest. Against choosing what was merely lucky: a trial is the mean over all folds, the quality
//! is the mean of three measures that agree but for noise, steps are coarse, and the weights of
//! the blend, on a grid of tenths, count as good as they and their neighbours are together.
//!
//! The order of the trials depends on nothing but their results, so the choice does not either.

mod blending;
mod fold;
#[cfg(test)]
mod tests;
mod walk;

use super::als::IalsSettings;
use super::collaborative::{CollaborativeError, Kind, Part, Recipe};
use super::ease::{self, EaseSettings};
use super::graph::GraphSettings;
use super::matrix::Interactions;
use super::symmetric::Observer;

pub use fold::Fold;
use walk::Walk;

/// What is searched, and how long.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The families among which is chosen, at least 1; if several, a blend of them may win.
    pub families: Vec<Family>,
    /// How many settings of each family are tried at most, at least 1.
    pub trials: usize,
    /// Settings of the factors that are given and not searched.
    pub given: Given,
    /// Decides the start of the factors.
    pub seed: u64,
}

/// A kind of model whose settings are searched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// Implicit alternating least squares.
    Ials,
    /// The linear model without dropout.
    Ease,
    /// The linear model with dropout.
    Edlae,
    /// Neighbours through the graph.
    Graph,
    /// What most people took; has no settings.
    Popular,
}

/// Settings of the factors that are given by the caller and therefore not searched.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    /// See [`IalsSettings::factors`]; the other fields likewise.
    pub factors: Option<usize>,
    /// Number of sweeps.
    pub sweeps: Option<usize>,
    /// α₀.
    pub unobserved_weight: Option<f32>,
    /// λ.
    pub regularisation: Option<f32>,
    /// ν.
    pub exponent: Option<f32>,
}

impl Given {
    /// These settings with what is given put in.
    #[must_use]
    pub fn over(&self, mut settings: IalsSettings) -> IalsSettings {
        settings.factors = self.factors.unwrap_or(settings.factors);
        settings.sweeps = self.sweeps.unwrap_or(settings.sweeps);
        settings.unobserved_weight = self.unobserved_weight.unwrap_or(settings.unobserved_weight);
        settings.regularisation = self.regularisation.unwrap_or(settings.regularisation);
        settings.exponent = self.exponent.unwrap_or(settings.exponent);
        settings
    }
}

/// One recipe and how good its lists were.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// What was tried.
    pub recipe: Recipe,
    /// The mean over the folds of NDCG@10, recall@20 and NDCG@100 together, from 0 to 1.
    pub quality: f64,
}

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The recipe to train with.
    pub recipe: Recipe,
    /// Its quality on the folds.
    pub quality: f64,
    /// The best of each family, in the order of the plan.
    pub leaders: Vec<Trial>,
    /// All that was tried, in order.
    pub trials: Vec<Trial>,
}

/// Finds a good recipe. `observe` hears how much is done, from 0 to 1, as often as
/// [`Model::fit`](super::collaborative::Model::fit) says it, and may end the search: within a
/// trial as well as between two.
///
/// The work is that of training each family `trials` times on every fold. Settings that depend on
/// the size of the data are scaled by it, so that the same search serves small and large tables.
///
/// # Errors
/// As [`Model::fit`](super::collaborative::Model::fit); [`CollaborativeError::NoInteractions`]
/// if there are no folds or no families, too, and [`CollaborativeError::Stopped`].
pub fn choose(
    folds: &[Fold],
    plan: &Plan,
    observe: &mut Observer,
) -> Result<Choice, CollaborativeError> {
    let Some(fold) = folds.first().filter(|_| !plan.families.is_empty()) else {
        return Err(CollaborativeError::NoInteractions);
    };
    let families = plan.families.len();
    // A blend is weighed by training the best of each family once more.
    let blending = if families > 1 { families } else { 0 };
    let mut search = Search {
        folds,
        trials: Vec::new(),
        spent: 0,
        all: (families * plan.trials + blending) as f32,
        observe,
    };
    let mut leaders = Vec::new();
    for (at, family) in plan.families.iter().enumerate() {
        search.spent = at * plan.trials;
        leaders.push(search.best_of(*family, fold.seen(), plan)?);
    }
    if let [leader] = leaders.as_slice() {
        return Ok(Choice {
            recipe: leader.recipe.clone(),
            quality: leader.quality,
            trials: search.trials,
            leaders,
        });
    }
    let parts: Vec<Kind> = leaders
        .iter()
        .flat_map(|leader| leader.recipe.parts.iter().map(|part| part.kind.clone()))
        .collect();
    search.spent = families * plan.trials;
    let (before, all) = (search.spent as f32, search.all);
    let mut within = |done: f32| (search.observe)((before + done * blending as f32) / all);
    let (weights, quality) = blending::weigh(folds, &parts, &mut within)?;
    let blended = Trial {
        recipe: Recipe {
            parts: parts
                .into_iter()
                .zip(weights)
                .filter(|(_, weight)| *weight > 0.0)
                .map(|(kind, weight)| Part { weight, kind })
                .collect(),
        },
        quality,
    };
    search.trials.push(blended.clone());
    Ok(Choice {
        recipe: blended.recipe,
        quality,
        leaders,
        trials: search.trials,
    })
}

/// What a place of a walk means.
type Reading<'a> = Box<dyn Fn(&[f32]) -> Kind + 'a>;

struct Search<'a> {
    folds: &'a [Fold],
    trials: Vec<Trial>,
    /// How many of the trials that there may be are over or were not needed.
    spent: usize,
    /// How much work there may be, in trials.
    all: f32,
    observe: &'a mut Observer<'a>,
}

impl Search<'_> {
    fn quality(&mut self, kind: &Kind) -> Result<f64, CollaborativeError> {
        let recipe = Recipe::of(kind.clone());
        recipe.check()?;
        let mut sum = 0.0;
        for (at, fold) in self.folds.iter().enumerate() {
            let (spent, folds) = (self.spent as f32, self.folds.len() as f32);
            let mut within =
                |done: f32| (self.observe)((spent + (at as f32 + done) / folds) / self.all);
            let trained = fold.train(kind, &mut within)?;
            sum += fold.judge(&trained, &mut within)?;
        }
        self.spent += 1;
        let quality = sum / self.folds.len() as f64;
        self.trials.push(Trial { recipe, quality });
        Ok(quality)
    }

    fn best_of(
        &mut self,
        family: Family,
        table: &Interactions,
        plan: &Plan,
    ) -> Result<Trial, CollaborativeError> {
        let scale = Scale::of(table);
        let (start, steps, kind): (Vec<f32>, &[&[f32]], Reading) = match family {
            Family::Ials => (
                vec![2.0, -3.3, 0.5, 7.0],
                &[
                    &[1.0, 1.0, 0.0, 0.0],
                    &[0.5, 0.5, 0.25, 0.0],
                    // The width costs most and changes least about what the others should be.
                    &[0.0, 0.0, 0.0, 1.0],
                ],
                Box::new(|at| Kind::Ials(scale.factors(at, plan))),
            ),
            Family::Ease => (
                vec![4.0, 0.0],
                &[&[1.0, 0.0], &[0.5, 0.0]],
                Box::new(|at| Kind::Ease(scale.linear(at))),
            ),
            Family::Edlae => (
                vec![3.5, 0.3],
                &[&[1.0, 0.2], &[0.5, 0.1]],
                Box::new(|at| Kind::Ease(scale.linear(at))),
            ),
            Family::Graph => (
                vec![0.5, 0.5, 0.5, 3.3],
                &[&[0.25, 0.2, 0.2, 1.5], &[0.15, 0.1, 0.1, 0.8]],
                Box::new(|at| Kind::Graph(graph(at))),
            ),
            Family::Popular => (Vec::new(), &[], Box::new(|_| Kind::Popular)),
        };
        let mut walk = Walk::new(start, plan.trials);
        while let Some(at) = walk.next(steps) {
            // Settings at the end of their range are one and the same.
            let wanted = Recipe::of(kind(&at));
            let known = self.trials.iter().find(|trial| trial.recipe == wanted);
            let quality = match known {
                Some(trial) => trial.quality,
                None => self.quality(&kind(&at))?,
            };
            walk.heard(at, quality);
        }
        let (at, quality) = walk.best();
        Ok(Trial {
            recipe: Recipe::of(kind(&at)),
            quality,
        })
    }
}

/// How large the data is: what settings mean depends on it.
#[derive(Clone, Copy)]
struct Scale {
    users: f32,
    items: f32,
    entries: f32,
    /// How many items carry nearly all of the entries.
    head: usize,
}

impl Scale {
    fn of(table: &Interactions) -> Self {
        Self {
            users: table.rows() as f32,
            items: table.columns() as f32,
            entries: table.len() as f32,
            head: ease::head(table),
        }
    }

    /// From the logarithms of the pull on a row of medium frequency, of the unobserved weight,
    /// the exponent itself, and the logarithm of the number of factors.
    fn factors(&self, at: &[f32], plan: &Plan) -> IalsSettings {
        let unobserved_weight = plan.given.unobserved_weight.unwrap_or(at[1].exp2());
        let exponent = plan.given.exponent.unwrap_or(at[2].clamp(0.0, 1.0));
        let of_user = self.entries / self.users + unobserved_weight * self.items;
        let of_item = self.entries / self.items + unobserved_weight * self.users;
        plan.given.over(IalsSettings {
            factors: at[3].clamp(5.0, 8.0).exp2() as usize,
            unobserved_weight,
            exponent,
            // Unlike λ itself, the pull means much the same whatever the exponent, the weight of
            // the unobserved and the size of the data.
            regularisation: at[0].exp2() / (of_user * of_item).powf(exponent / 2.0),
            seed: plan.seed,
            ..IalsSettings::default()
        })
    }

    /// From the logarithm of the regularisation, over the root of the number of users, and the
    /// dropout.
    fn linear(&self, at: &[f32]) -> EaseSettings {
        EaseSettings {
            regularisation: at[0].exp2() * self.users.sqrt(),
            dropout: at[1].clamp(0.0, 0.8),
            most_items: self.head,
            ..EaseSettings::default()
        }
    }
}

/// From the exponents of user, source and target, and the logarithm of the shrinkage.
fn graph(at: &[f32]) -> GraphSettings {
    GraphSettings {
        user_exponent: at[0].clamp(0.0, 2.0),
        source_exponent: at[1].clamp(0.0, 1.5),
        target_exponent: at[2].clamp(0.0, 1.5),
        shrinkage: at[3].max(0.0).exp2() - 1.0,
        ..GraphSettings::default()
    }
}
