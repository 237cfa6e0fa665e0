//! Invented worlds: curators or viewers whose taste is known, so that regret is.

use rand::RngExt;

use super::super::likelihood::{choice_probabilities, logistic};
use super::super::random::Normals;
use super::super::{Outcome, SIGNALS, Signals, SlateContext, SlateFeedback};

/// How somebody chooses from a slate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Choice {
    /// One item or none, by a conditional logit.
    OnePick,
    /// Each item by itself.
    Independent,
}

/// What the true weights of signals look like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Taste {
    /// Shares of a whole, which differ by slot, weekday and season.
    Shares,
    /// Numbers of either sign, likewise.
    Signed,
    /// Numbers that are mostly positive and follow the cyclic context.
    Smooth,
}

/// A kind of world, and how it is played in.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Its name in tables.
    pub name: &'static str,
    /// How somebody chooses.
    pub choice: Choice,
    /// What the true weights look like.
    pub taste: Taste,
    /// How many candidates there are each round.
    pub candidates: usize,
    /// Whether these are the same each round, with signals that change little.
    pub fixed: bool,
    /// How many items a slate has.
    pub length: usize,
    /// How much the truth departs from any linear model, in logits.
    pub misspecified: f64,
    /// Feedback comes for so many rounds at a time.
    pub batch: usize,
    /// How many past picks there are to start from.
    pub past_picks: usize,
    /// How many rounds are played.
    pub rounds: usize,
}

/// One seeded world.
#[derive(Debug)]
pub struct World {
    scenario: Scenario,
    intercept: f64,
    base: Signals,
    by_slot: [Signals; 4],
    by_weekday: [Signals; 7],
    by_season: [Signals; 4],
    by_cycle: [Signals; 7],
    strength: f64,
    curves: Signals,
    pair: (usize, usize),
    library: Vec<Signals>,
    random: Normals,
}

/// What is to be decided in one round.
#[derive(Clone, Debug)]
pub struct Round {
    /// When it is.
    pub context: SlateContext,
    /// The signals of the candidates.
    pub candidates: Vec<Signals>,
    /// The true utility of each.
    pub(super) utilities: Vec<f64>,
}

impl World {
    /// The world of a seed.
    pub fn new(scenario: &Scenario, seed: u64) -> Self {
        let mut random = Normals::new(seed);
        let mut around = |width: f64| random.signals().map(|normal| width * normal);
        let (base, spread) = match scenario.taste {
            Taste::Shares => (around(0.9), [0.6, 0.3, 0.3]),
            Taste::Signed => (around(2.0), [1.0, 0.5, 0.5]),
            Taste::Smooth => (around(1.2).map(|weight| weight + 1.5), [0.0; 3]),
        };
        let by_cycle = [(); 7].map(|()| around(0.6));
        let by_slot = [(); 4].map(|()| around(spread[0]));
        let by_weekday = [(); 7].map(|()| around(spread[1]));
        let by_season = [(); 4].map(|()| around(spread[2]));
        let curves = around(0.4).map(f64::exp);
        let strength = 4.0 + 4.0 * random.uniform.random::<f64>();
        let intercept = match scenario.choice {
            Choice::OnePick => -1.5,
            Choice::Independent => -2.0,
        } + 0.5 * random.one();
        let pair = (
            random.uniform.random_range(0..SIGNALS),
            random.uniform.random_range(0..SIGNALS),
        );
        let mut world = Self {
            scenario: scenario.clone(),
            intercept,
            base,
            by_slot,
            by_weekday,
            by_season,
            by_cycle,
            strength,
            curves,
            pair,
            library: Vec::new(),
            random,
        };
        if scenario.fixed {
            world.library = (0..scenario.candidates).map(|_| world.item()).collect();
        }
        world
    }

    fn item(&mut self) -> Signals {
        [(); SIGNALS].map(|()| self.random.uniform.random())
    }

    fn context(&mut self) -> SlateContext {
        let random = &mut self.random.uniform;
        let (hour, weekday, month) = (
            random.random_range(0..24_u8),
            random.random_range(0..7_u8),
            random.random_range(1..=12_u8),
        );
        SlateContext::new(hour, weekday, month, 0).expect("all three are in their ranges")
    }

    /// The true weights in a context.
    fn weights(&self, context: &SlateContext) -> Signals {
        let mut out = self.base;
        for effects in [
            &self.by_slot[context.slot() as usize],
            &self.by_weekday[usize::from(context.weekday())],
            &self.by_season[context.season() as usize],
        ] {
            for (weight, effect) in out.iter_mut().zip(effects) {
                *weight += effect;
            }
        }
        if self.scenario.taste == Taste::Smooth {
            for (feature, effect) in context.cyclic(1).iter().zip(&self.by_cycle) {
                for (weight, effect) in out.iter_mut().zip(effect) {
                    *weight += feature * effect;
                }
            }
        }
        if self.scenario.taste != Taste::Shares {
            return out;
        }
        let powers = out.map(f64::exp);
        let total: f64 = powers.iter().sum();
        powers.map(|power| self.strength * power / total)
    }

    fn utility(&mut self, weights: &Signals, signals: &Signals) -> f64 {
        let departure = self.scenario.misspecified;
        let mut sum = self.intercept;
        for at in 0..SIGNALS {
            let seen = if departure > 0.0 {
                signals[at].powf(self.curves[at])
            } else {
                signals[at]
            };
            sum += weights[at] * (seen - 0.5);
        }
        if departure > 0.0 {
            let (a, b) = self.pair;
            sum += departure * (4.0 * (signals[a] - 0.5) * (signals[b] - 0.5) + self.random.one());
        }
        sum
    }

    /// The next round.
    pub fn round(&mut self) -> Round {
        let context = self.context();
        let mut candidates = self.library.clone();
        for signals in &mut candidates {
            let moved = self.random.signals();
            for (signal, moved) in signals.iter_mut().zip(moved) {
                *signal = (*signal + 0.05 * moved).clamp(0.0, 1.0);
            }
        }
        while candidates.len() < self.scenario.candidates {
            candidates.push(self.item());
        }
        let weights = self.weights(&context);
        let utilities = candidates
            .iter()
            .map(|signals| self.utility(&weights, signals))
            .collect();
        Round {
            context,
            candidates,
            utilities,
        }
    }

    /// What becomes of a slate of these places.
    pub fn choose(&mut self, round: &Round, slate: &[usize]) -> Outcome {
        let mut chances: Vec<f64> = slate.iter().map(|at| round.utilities[*at]).collect();
        let random = &mut self.random.uniform;
        match self.scenario.choice {
            Choice::Independent => Outcome::Clicks(
                chances
                    .into_iter()
                    .map(|utility| random.random::<f64>() < logistic(utility))
                    .collect(),
            ),
            Choice::OnePick => {
                choice_probabilities(&mut chances, true);
                let mut left = random.random::<f64>();
                let pick = chances.iter().position(|chance| {
                    left -= chance;
                    left < 0.0
                });
                Outcome::OnePick(pick)
            }
        }
    }

    /// The past picks of this world, each from the whole of a round's candidates, with five others
    /// as negatives.
    pub fn past_picks(&mut self) -> Vec<SlateFeedback> {
        (0..self.scenario.past_picks)
            .map(|at| {
                let round = self.round();
                let mut chances = round.utilities.clone();
                choice_probabilities(&mut chances, false);
                let random = &mut self.random.uniform;
                let mut left = random.random::<f64>();
                let pick = chances.iter().position(|chance| {
                    left -= chance;
                    left < 0.0
                });
                let pick = pick.unwrap_or(0);
                let mut shown = vec![round.candidates[pick]];
                while shown.len() < 6.min(round.candidates.len()) {
                    let other = random.random_range(0..round.candidates.len());
                    if other != pick {
                        shown.push(round.candidates[other]);
                    }
                }
                SlateFeedback {
                    event: (1 << 64) + at as u128,
                    context: round.context,
                    shown,
                    outcome: Outcome::PastPick(0),
                    ticked: Vec::new(),
                }
            })
            .collect()
    }
}

impl Round {
    /// The expected number of items taken from a slate.
    pub fn value(&self, choice: Choice, slate: &[usize]) -> f64 {
        let mut chances: Vec<f64> = slate.iter().map(|at| self.utilities[*at]).collect();
        match choice {
            Choice::OnePick => {
                choice_probabilities(&mut chances, true);
                chances.iter().sum()
            }
            Choice::Independent => chances.into_iter().map(logistic).sum(),
        }
    }

    /// The best slate, which for both kinds of choice is that of the largest utilities.
    pub fn best(&self, length: usize) -> Vec<usize> {
        best_places(&self.utilities, length)
    }
}

/// The places of the largest scores.
pub(super) fn best_places(scores: &[f64], length: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..scores.len()).collect();
    places.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
    places.truncate(length);
    places
}
