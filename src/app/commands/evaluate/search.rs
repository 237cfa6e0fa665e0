//! Choosing settings by trying them, in an order that depends on nothing but the results.
//!
//! First a coarse grid over what matters most, then steps to the best neighbour, which become
//! shorter as none is better, then other lengths of training and other widths. What is best by
//! luck is sorted out at the end: the leaders of each width are tried again with other seeds.

use rustc_hash::FxHashMap;

use crate::ranking::{IalsSettings, Interactions};

/// Settings that are given by the caller and therefore not searched.
#[derive(Clone, Debug, Default)]
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
    pub fn over(&self, mut settings: IalsSettings) -> IalsSettings {
        settings.factors = self.factors.unwrap_or(settings.factors);
        settings.sweeps = self.sweeps.unwrap_or(settings.sweeps);
        settings.unobserved_weight = self.unobserved_weight.unwrap_or(settings.unobserved_weight);
        settings.regularisation = self.regularisation.unwrap_or(settings.regularisation);
        settings.exponent = self.exponent.unwrap_or(settings.exponent);
        settings
    }
}

/// One training and how good its lists were.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What was tried.
    pub settings: IalsSettings,
    /// How good it was; the larger the better.
    pub quality: f64,
}

/// What is searched. Logarithms, because doubling is what makes a difference.
#[derive(Clone, Copy, Debug)]
struct Point {
    /// log2 of the regularisation of a row of medium frequency. Unlike λ itself it means much
    /// the same whatever ν, α₀ and the size of the data.
    pull: f32,
    /// log2 of α₀.
    alpha: f32,
    exponent: f32,
    factors: usize,
    sweeps: usize,
}

/// Where the steps to a neighbour go: in pull, in alpha, in the exponent.
const NEIGHBOURS: [[f32; 3]; 6] = [
    [1.0, 0.0, 0.0],
    [-1.0, 0.0, 0.0],
    [0.0, 1.0, 0.0],
    [0.0, -1.0, 0.0],
    [0.0, 0.0, 0.5],
    [0.0, 0.0, -0.5],
];

/// How many of the best of each width are tried again, each with so many other seeds.
const FINALISTS: usize = 2;
const FRESH_SEEDS: u64 = 2;

/// Finds good settings with at most `trials` trainings and a dozen more in the final round; `attempt` trains with the settings it gets and says how good the lists are.
///
/// Returns the best settings, with `seed` as their seed, and all trials
/// in the order they were made.
///
/// # Errors
/// Whatever `attempt` fails with.
pub fn choose(
    interactions: &Interactions,
    given: &Given,
    seed: u64,
    trials: usize,
    attempt: &mut dyn FnMut(&IalsSettings) -> anyhow::Result<f64>,
) -> anyhow::Result<(IalsSettings, Vec<Trial>)> {
    let mut search = Search {
        interactions,
        given,
        seed,
        left: trials.max(1),
        tried: Vec::new(),
        attempt,
    };
    let mut best = search.grid()?;
    best = search.walk(best, &[1.0, 0.5])?;
    for sweeps in [8, 32] {
        best = search.better(best, Point { sweeps, ..best.0 })?;
    }
    best = search.walk(best, &[0.25])?;
    for factors in [64, 256] {
        // A wider model may want a stronger pull. Which width wins, the finals say.
        for pull in [0.0, 0.25, -0.25] {
            search.better(
                best,
                Point {
                    factors,
                    pull: best.0.pull + pull,
                    ..best.0
                },
            )?;
        }
    }
    search.finals()
}

struct Search<'a> {
    interactions: &'a Interactions,
    given: &'a Given,
    seed: u64,
    left: usize,
    tried: Vec<Trial>,
    attempt: &'a mut dyn FnMut(&IalsSettings) -> anyhow::Result<f64>,
}

impl Search<'_> {
    fn grid(&mut self) -> anyhow::Result<(Point, f64)> {
        // The start of a narrow model decides more about its lists than settings do; at 128
        // factors little of that luck is left.
        let middle = Point {
            pull: 2.0,
            alpha: -3.0,
            exponent: 0.5,
            factors: 128,
            sweeps: 16,
        };
        let mut best = (middle, f64::NEG_INFINITY);
        // From the middle outwards, so that a small number of trials sees the likeliest.
        for alpha in [-3.0, -5.0, -1.0, 1.0] {
            for pull in [2.0, 0.0, 4.0, 6.0] {
                best = self.better(
                    best,
                    Point {
                        pull,
                        alpha,
                        ..middle
                    },
                )?;
            }
        }
        Ok(best)
    }

    fn walk(&mut self, mut best: (Point, f64), steps: &[f32]) -> anyhow::Result<(Point, f64)> {
        for step in steps {
            loop {
                let from = best;
                for [pull, alpha, exponent] in NEIGHBOURS {
                    let neighbour = Point {
                        pull: from.0.pull + step * pull,
                        alpha: from.0.alpha + step * alpha,
                        exponent: (from.0.exponent + step * exponent).clamp(0.0, 1.0),
                        ..from.0
                    };
                    best = self.better(best, neighbour)?;
                }
                if best.1 <= from.1 {
                    break;
                }
            }
        }
        Ok(best)
    }

    /// The better of the two; without trials left, the one that is known.
    fn better(&mut self, best: (Point, f64), other: Point) -> anyhow::Result<(Point, f64)> {
        let settings = self.settings(other);
        let known = self.tried.iter().find(|trial| trial.settings == settings);
        let quality = match known {
            Some(trial) => trial.quality,
            None if self.left == 0 => return Ok(best),
            None => {
                self.left -= 1;
                let quality = (self.attempt)(&settings)?;
                self.tried.push(Trial { settings, quality });
                quality
            }
        };
        Ok(if quality > best.1 {
            (other, quality)
        } else {
            best
        })
    }

    fn settings(&self, point: Point) -> IalsSettings {
        let (users, items) = (
            self.interactions.rows() as f32,
            self.interactions.columns() as f32,
        );
        let entries = self.interactions.len() as f32;
        let unobserved_weight = self.given.unobserved_weight.unwrap_or(point.alpha.exp2());
        let exponent = self.given.exponent.unwrap_or(point.exponent);
        let of_user = entries / users + unobserved_weight * items;
        let of_item = entries / items + unobserved_weight * users;
        self.given.over(IalsSettings {
            factors: point.factors,
            sweeps: point.sweeps,
            unobserved_weight,
            exponent,
            regularisation: point.pull.exp2() / (of_user * of_item).powf(exponent / 2.0),
            seed: self.seed,
            ..IalsSettings::default()
        })
    }

    fn finals(mut self) -> anyhow::Result<(IalsSettings, Vec<Trial>)> {
        let mut leaders = self.tried.clone();
        // Stable, so that of equals the one that was tried first leads.
        leaders.sort_by(|a, b| b.quality.total_cmp(&a.quality));
        let mut taken = FxHashMap::default();
        leaders.retain(|leader| {
            let of_width = taken.entry(leader.settings.factors).or_insert(0);
            *of_width += 1;
            *of_width <= FINALISTS
        });
        if leaders.len() == 1 {
            // Nothing to decide.
            return Ok((leaders.swap_remove(0).settings, self.tried));
        }
        let mut winner: Option<Trial> = None;
        for leader in leaders {
            // The quality that made it a leader does not count: it is partly luck, and the more
            // so the more was tried.
            let mut sum = 0.0;
            for more in 1..=FRESH_SEEDS {
                let settings = IalsSettings {
                    seed: self.seed.wrapping_add(more),
                    ..leader.settings.clone()
                };
                let quality = (self.attempt)(&settings)?;
                self.tried.push(Trial { settings, quality });
                sum += quality;
            }
            if winner.as_ref().is_none_or(|winner| sum > winner.quality) {
                winner = Some(Trial {
                    quality: sum,
                    ..leader
                });
            }
        }
        let winner = winner.expect("the grid makes at least one trial, as `trials` is at least 1");
        Ok((winner.settings, self.tried))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranking::Repeats;

    fn table() -> Interactions {
        Interactions::from_triplets(10, 10, (0..10).map(|i| (i, i, 1.0)), Repeats::Max).unwrap()
    }

    /// Best at an unobserved weight of 0.25 and 64 factors.
    fn quality(settings: &IalsSettings) -> f64 {
        let alpha = f64::from(settings.unobserved_weight).log2();
        -(alpha + 2.0).abs() - (settings.factors as f64 / 64.0).log2().abs()
    }

    #[test]
    fn the_best_is_found() {
        let (best, tried) =
            choose(&table(), &Given::default(), 3, 80, &mut |s| Ok(quality(s))).unwrap();

        assert_eq!(
            (best.factors, best.unobserved_weight, best.seed),
            (64, 0.25, 3)
        );
        assert!(tried.len() <= 80 + 12);
    }

    #[test]
    fn what_is_given_is_not_searched() {
        let given = Given {
            factors: Some(48),
            unobserved_weight: Some(0.3),
            ..Given::default()
        };
        let (_, tried) = choose(&table(), &given, 0, 20, &mut |s| Ok(quality(s))).unwrap();

        assert!(tried.iter().all(|trial| trial.settings.factors == 48));
        assert!(
            tried
                .iter()
                .all(|trial| trial.settings.unobserved_weight == 0.3)
        );
    }

    #[test]
    fn a_trial_is_not_made_twice() {
        let (_, tried) =
            choose(&table(), &Given::default(), 0, 80, &mut |s| Ok(quality(s))).unwrap();

        for (at, trial) in tried.iter().enumerate() {
            assert!(
                tried[..at]
                    .iter()
                    .all(|before| before.settings != trial.settings)
            );
        }
    }
}
