//! The policies that are compared.

use rand::RngExt;

use super::super::likelihood::ROWS;
use super::super::linear_algebra::Cholesky;
use super::super::random::Normals;
use super::super::{Bandit, Outcome, Sampler, Settings, Signals, SlateContext, SlateFeedback};
use super::original::Original;
use super::world::best_places;

/// A policy that is compared.
#[derive(Clone, Debug, PartialEq)]
pub enum Policy {
    /// Slates at random.
    Random,
    /// The best by a linear regression of clicks on `(1, s − ½) ⊗ φ(c)`.
    Greedy,
    /// The same with a random item in place of every tenth.
    EpsilonGreedy,
    /// Upper confidence bounds of that regression: Li, Chu, Langford, Schapire 2010.
    LinUcb,
    /// Thompson sampling of that regression: Agrawal and Goyal 2013.
    LinearThompson,
    /// The softmax sampler as it was first written down, with its faults.
    Original,
    /// A [`Bandit`] with these settings, under a name of its own.
    Ours(&'static str, Settings),
}

impl Policy {
    /// All of them; last, ours with the defaults of both samplers.
    pub fn all() -> Vec<Self> {
        vec![
            Self::Random,
            Self::Greedy,
            Self::EpsilonGreedy,
            Self::LinUcb,
            Self::LinearThompson,
            Self::Original,
            Self::Ours("ours, softmax", Settings::of(Sampler::Softmax)),
            Self::Ours("ours, logistic", Settings::of(Sampler::Logistic)),
        ]
    }

    /// Its name in tables.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Greedy => "greedy",
            Self::EpsilonGreedy => "ε-greedy",
            Self::LinUcb => "LinUCB",
            Self::LinearThompson => "linear Thompson",
            Self::Original => "original formulation",
            Self::Ours(name, _) => name,
        }
    }

    pub(super) fn player(&self, seed: u64) -> Player {
        let learner = match self {
            Self::Random => Learner::Random,
            Self::Greedy => Learner::Linear(Regression::new(), Explore::Nothing),
            Self::EpsilonGreedy => Learner::Linear(Regression::new(), Explore::Epsilon(0.1)),
            Self::LinUcb => Learner::Linear(Regression::new(), Explore::Bound(0.5)),
            Self::LinearThompson => Learner::Linear(Regression::new(), Explore::Sample(0.25)),
            Self::Original => Learner::Original(Box::default()),
            Self::Ours(_, settings) => Learner::Ours(Box::new(
                Bandit::new(settings.clone(), 1).expect("settings of simulations are in range"),
            )),
        };
        Player {
            learner,
            random: Normals::new(seed),
        }
    }
}

/// How much is explored by a regression.
#[derive(Clone, Copy, Debug)]
pub(super) enum Explore {
    Nothing,
    /// This share of items at random.
    Epsilon(f64),
    /// So many deviations above the mean.
    Bound(f64),
    /// Draws of so many deviations.
    Sample(f64),
}

#[derive(Debug)]
enum Learner {
    Random,
    Linear(Regression, Explore),
    Original(Box<Original>),
    Ours(Box<Bandit>),
}

/// A policy at play.
#[derive(Debug)]
pub(super) struct Player {
    learner: Learner,
    random: Normals,
}

impl Player {
    /// The places of a slate.
    pub(super) fn choose(
        &mut self,
        context: &SlateContext,
        candidates: &[Signals],
        length: usize,
    ) -> Vec<usize> {
        let scores: Vec<f64> = match &mut self.learner {
            Learner::Random => return self.random_places(candidates.len(), length),
            Learner::Linear(regression, explore) => {
                regression.scores(context, candidates, *explore, &mut self.random)
            }
            Learner::Original(original) => original.scores(context, candidates, &mut self.random),
            Learner::Ours(bandit) => {
                let draw = bandit.draw(context, self.random.uniform.random());
                candidates.iter().map(|item| draw.score(item)).collect()
            }
        };
        let mut places = best_places(&scores, length);
        if let Learner::Linear(_, Explore::Epsilon(share)) = self.learner {
            for at in 0..places.len() {
                if self.random.uniform.random::<f64>() < share {
                    let other = self.random.uniform.random_range(0..candidates.len());
                    if !places.contains(&other) {
                        places[at] = other;
                    }
                }
            }
        }
        places
    }

    fn random_places(&mut self, candidates: usize, length: usize) -> Vec<usize> {
        let scores: Vec<f64> = (0..candidates)
            .map(|_| self.random.uniform.random())
            .collect();
        best_places(&scores, length)
    }

    /// Learns from slates.
    pub(super) fn learn(&mut self, events: Vec<SlateFeedback>, past: bool) {
        match &mut self.learner {
            Learner::Random => {}
            Learner::Linear(regression, _) => {
                events.iter().for_each(|event| regression.learn(event));
            }
            Learner::Original(original) => events.iter().for_each(|event| original.learn(event)),
            Learner::Ours(bandit) => {
                let learned = if past {
                    bandit.warm_start(events)
                } else {
                    bandit.update_all(events)
                };
                learned.expect("worlds give feedback that fits their slates");
            }
        }
    }
}

/// The outcome of each item shown.
pub(super) fn taken(event: &SlateFeedback) -> Vec<bool> {
    match &event.outcome {
        Outcome::Clicks(clicks) => clicks.clone(),
        Outcome::OnePick(pick) => (0..event.shown.len()).map(|at| Some(at) == *pick).collect(),
        Outcome::PastPick(pick) => (0..event.shown.len()).map(|at| at == *pick).collect(),
    }
}

/// A ridge regression on `(1, s − ½) ⊗ φ(c)`.
#[derive(Debug)]
pub(super) struct Regression {
    inverse: Vec<f64>,
    sums: Vec<f64>,
    mean: Vec<f64>,
}

const FEATURES: usize = 8;
const SIZE: usize = ROWS * FEATURES;

fn features(context: &SlateContext) -> Vec<f64> {
    std::iter::once(1.0).chain(context.cyclic(1)).collect()
}

fn expanded(signals: &Signals) -> [f64; ROWS] {
    let mut out = [1.0; ROWS];
    for (out, signal) in out[1..].iter_mut().zip(signals) {
        *out = signal - 0.5;
    }
    out
}

impl Regression {
    fn new() -> Self {
        let mut inverse = vec![0.0; SIZE * SIZE];
        inverse.iter_mut().step_by(SIZE + 1).for_each(|h| *h = 1.0);
        Self {
            inverse,
            sums: vec![0.0; SIZE],
            mean: vec![0.0; SIZE],
        }
    }

    fn scores(
        &self,
        context: &SlateContext,
        candidates: &[Signals],
        explore: Explore,
        random: &mut Normals,
    ) -> Vec<f64> {
        let phi = features(context);
        let mut mean = [0.0; ROWS];
        let mut covariance = [[0.0; ROWS]; ROWS];
        for a in 0..ROWS {
            for (at, f) in phi.iter().enumerate() {
                mean[a] += f * self.mean[a * FEATURES + at];
                for (b, entry) in covariance[a].iter_mut().enumerate() {
                    let row = &self.inverse[(a * FEATURES + at) * SIZE + b * FEATURES..];
                    *entry += f * row.iter().zip(&phi).map(|(h, f)| h * f).sum::<f64>();
                }
            }
        }
        let mut bound = 0.0;
        match explore {
            Explore::Nothing | Explore::Epsilon(_) => {}
            Explore::Bound(width) => bound = width,
            Explore::Sample(width) => {
                let flat: Vec<f64> = covariance.iter().flatten().copied().collect();
                if let Some(cholesky) = Cholesky::new(&flat, ROWS) {
                    let factor = cholesky.factor::<ROWS>();
                    let normal = [(); ROWS].map(|()| random.one());
                    for (mean, row) in mean.iter_mut().zip(factor) {
                        let noise: f64 = row.iter().zip(normal).map(|(l, e)| l * e).sum();
                        *mean += width * noise;
                    }
                }
            }
        }
        let score = |signals: &Signals| {
            let x = expanded(signals);
            let mut sum: f64 = x.iter().zip(mean).map(|(x, m)| x * m).sum();
            if bound > 0.0 {
                let variance: f64 = (0..ROWS)
                    .flat_map(|a| (0..ROWS).map(move |b| (a, b)))
                    .map(|(a, b)| x[a] * x[b] * covariance[a][b])
                    .sum();
                sum += bound * variance.max(0.0).sqrt();
            }
            sum
        };
        candidates.iter().map(score).collect()
    }

    fn learn(&mut self, event: &SlateFeedback) {
        let phi = features(&event.context);
        for (signals, taken) in event.shown.iter().zip(taken(event)) {
            let z: Vec<f64> = expanded(signals)
                .iter()
                .flat_map(|x| phi.iter().map(move |f| x * f))
                .collect();
            // Sherman and Morrison 1950.
            let pulled: Vec<f64> = self
                .inverse
                .chunks_exact(SIZE)
                .map(|row| row.iter().zip(&z).map(|(h, z)| h * z).sum())
                .collect();
            let scale = 1.0 + z.iter().zip(&pulled).map(|(a, b)| a * b).sum::<f64>();
            for (row, a) in self.inverse.chunks_exact_mut(SIZE).zip(&pulled) {
                for (entry, b) in row.iter_mut().zip(&pulled) {
                    *entry -= a * b / scale;
                }
            }
            if taken {
                for (sum, z) in self.sums.iter_mut().zip(&z) {
                    *sum += z;
                }
            }
        }
        for (mean, row) in self.mean.iter_mut().zip(self.inverse.chunks_exact(SIZE)) {
            *mean = row.iter().zip(&self.sums).map(|(h, s)| h * s).sum();
        }
    }
}
