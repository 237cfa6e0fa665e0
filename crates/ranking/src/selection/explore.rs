//! Spending trials where they gain most: the next goes to the family whose search promises the
//! largest gain a second.

use super::super::collaborative::{CollaborativeError, Kind, Recipe};
use super::super::symmetric::Observer;
use super::cost::Size;
use super::family::{Family, Given, Scale};
use super::fold::Fold;
use super::lattice::{Position, Search};
use super::{Meter, Stage, Trial, mean};

/// What a family whose search has just begun is expected to gain by the next trial, as a share
/// of its quality.
const HOPE: f64 = 0.05;

/// How much the last trial counts in what the next is expected to gain.
const LAST: f64 = 0.4;

/// How much less a family is worth that is behind the best one: this power of the ratio.
const CLOSENESS: i32 = 6;

/// The search of one family.
#[derive(Debug)]
pub(super) struct Explored {
    pub family: Family,
    search: Search,
    expected: f64,
}

/// What explorers share.
pub(super) struct Explorer<'a> {
    pub folds: &'a [Fold],
    /// How large the largest of the folds is.
    pub size: Size,
    pub scale: Scale,
    pub given: &'a Given,
    pub seed: u64,
    /// How many settings of each family are tried at most.
    pub most: usize,
    /// Makes a kind cheaper for a trial.
    pub cheaper: &'a dyn Fn(Kind) -> Kind,
}

impl Explorer<'_> {
    /// Tries settings of all families until `budget` is spent or no step is better; each family
    /// gets one trial at least.
    pub(super) fn explore(
        &self,
        families: &[Family],
        budget: f64,
        meter: &mut Meter,
        trials: &mut Vec<Trial>,
    ) -> Result<Vec<Explored>, CollaborativeError> {
        let begin = |family: &Family| Explored {
            family: *family,
            search: Search::new(self.axes(*family)),
            expected: HOPE,
        };
        let mut explored: Vec<Explored> = families.iter().map(begin).collect();
        for one in &mut explored {
            if let Some(position) = one.search.next() {
                self.attempt(one, position, meter, trials)?;
            }
        }
        let end = meter.spent() + budget;
        loop {
            let top = explored
                .iter()
                .filter_map(|one| one.search.best())
                .map(|(_, quality)| quality)
                .fold(0.0, f64::max);
            let mut chosen: Option<(usize, Position, f64)> = None;
            for (at, one) in explored.iter_mut().enumerate() {
                if one.search.tried() >= self.most {
                    continue;
                }
                let Some(position) = one.search.next() else {
                    continue;
                };
                let cost = self.cost(&self.kind(one.family, &position));
                if meter.spent() + cost > end {
                    continue;
                }
                let best = one.search.best().map_or(0.0, |(_, quality)| quality);
                let closeness = if top > 0.0 {
                    (best / top).powi(CLOSENESS)
                } else {
                    1.0
                };
                let rate = one.expected * closeness / cost.max(1e-6);
                if chosen.as_ref().is_none_or(|(_, _, known)| rate > *known) {
                    chosen = Some((at, position, rate));
                }
            }
            let Some((at, position, _)) = chosen else {
                return Ok(explored);
            };
            self.attempt(&mut explored[at], position, meter, trials)?;
        }
    }

    fn axes(&self, family: Family) -> Vec<super::lattice::Axis> {
        let mut axes = self.scale.axes(family, self.given);
        if family == Family::Ials {
            // The width costs most and changes least about what the others should be.
            let width = &mut axes[super::family::WIDTH];
            (width.least, width.most) = (width.start, width.start);
        }
        axes
    }

    fn kind(&self, family: Family, position: &Position) -> Kind {
        let kind = self.scale.kind(family, position, self.given, self.seed);
        (self.cheaper)(kind)
    }

    fn cost(&self, kind: &Kind) -> f64 {
        let of_fold = self.size.of_kind(kind) + self.size.of_ranking(self.judged());
        of_fold * self.folds.len() as f64
    }

    fn judged(&self) -> f64 {
        self.folds.first().map_or(0, |fold| fold.users().len()) as f64
    }

    fn attempt(
        &self,
        one: &mut Explored,
        position: Position,
        meter: &mut Meter,
        trials: &mut Vec<Trial>,
    ) -> Result<(), CollaborativeError> {
        let kind = self.kind(one.family, &position);
        let recipe = Recipe::of(kind.clone());
        recipe.check()?;
        let cost = self.cost(&kind);
        let folds = self.folds.len() as f32;
        let mut sum = 0.0;
        for (at, fold) in self.folds.iter().enumerate() {
            let within: &mut Observer =
                &mut |done| meter.within(cost * f64::from((at as f32 + done) / folds));
            let trained = fold.train(&kind, within)?;
            sum += mean(&fold.judge(&trained, within)?);
        }
        meter.spend(cost);
        let quality = sum / self.folds.len() as f64;
        trials.push(Trial {
            recipe,
            quality,
            stage: Stage::Exploration,
        });
        if let Some((_, before)) = one.search.best() {
            let gain = (quality - before).max(0.0) / before.max(1e-6);
            one.expected += LAST * (gain.min(1.0) - one.expected);
        }
        one.search.record(position, quality);
        Ok(())
    }
}

impl Explored {
    /// The best position.
    pub(super) fn best(&self) -> Option<&Position> {
        self.search.best().map(|(position, _)| position)
    }
}
