//! The bandit: what it knows, what it draws, how it learns.

use super::feedback::{Event, EventLog, MAX_EVENTS, check_signals};
use super::fit::{self, Folded, Posterior};
use super::groups::Groups;
use super::model::Model;
use super::propensity::{self, Columns, score};
use super::random::{Normals, nth_seed};
use super::{BanditError, MAX_CHANNELS, Outcome, Settings, Signals, SlateContext, SlateFeedback};

/// The most candidates that are ranked at once.
pub const MAX_CANDIDATES: usize = 1_000_000;

/// The most replays of a draw.
pub const MAX_REPLAYS: usize = 1 << 20;

/// A contextual bandit over the weights of six signals.
#[derive(Clone, Debug)]
pub struct Bandit {
    pub(super) model: Model,
    pub(super) log: EventLog,
    pub(super) folded: Option<Folded>,
    pub(super) groups: Groups,
    pub(super) posterior: Posterior,
    /// How many seeds were taken.
    pub(super) draws: u64,
}

/// The weights of one slate.
#[derive(Clone, Debug, PartialEq)]
pub struct Draw {
    /// The seed they were drawn with.
    pub seed: u64,
    /// The weight of each signal.
    pub weights: Signals,
}

/// An item of a ranked slate.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked<I> {
    /// The id of the candidate.
    pub id: I,
    /// Its place among the candidates given, from 0.
    pub candidate: usize,
    /// The sum of its weighted signals.
    pub score: f64,
}

/// What is known of the weight of a signal in a context.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Weight {
    /// The mean.
    pub mean: f64,
    /// The standard deviation of draws.
    pub deviation: f64,
}

impl Draw {
    /// The score of a candidate, `s · w̃`.
    pub fn score(&self, signals: &Signals) -> f64 {
        score(signals, &self.weights)
    }
}

impl Bandit {
    /// A bandit that knows its prior, for channels numbered from 0 to below `channels`.
    ///
    /// # Errors
    /// If a setting is out of range, or for more than [`MAX_CHANNELS`] channels.
    pub fn new(settings: Settings, channels: usize) -> Result<Self, BanditError> {
        settings.check()?;
        if channels > MAX_CHANNELS {
            return Err(BanditError::TooMany {
                what: "channels",
                given: channels,
                most: MAX_CHANNELS,
            });
        }
        let model = Model::new(settings, channels);
        Ok(Self {
            posterior: Posterior::prior(&model),
            model,
            log: EventLog::default(),
            folded: None,
            groups: Groups::default(),
            draws: 0,
        })
    }

    /// Its settings.
    pub fn settings(&self) -> &Settings {
        &self.model.settings
    }

    /// How many channels it tells apart.
    pub fn channels(&self) -> usize {
        self.model.channels
    }

    /// How many events it has learned from.
    pub fn events(&self) -> u64 {
        self.log.arrived
    }

    /// Whether it has learned from this event.
    pub fn knows(&self, event: u128) -> bool {
        self.log.known.contains(&event)
    }

    /// A seed for the next draw, of a sequence that goes on where a stored bandit left it.
    pub fn next_seed(&mut self) -> u64 {
        let seed = nth_seed(self.model.settings.seed, self.draws);
        self.draws += 1;
        seed
    }

    /// Draws the weights of one slate. The same seed gives the same weights until the bandit learns.
    pub fn draw(&self, context: &SlateContext, seed: u64) -> Draw {
        let distribution = self.distribution(context);
        Draw {
            seed,
            weights: distribution.weights(&Normals::new(seed).signals()),
        }
    }

    /// The best `length` candidates by a draw, best first; ties go to the smaller id.
    ///
    /// # Errors
    /// If a signal is out of range, or of too many candidates.
    pub fn rank<I: Clone + Ord>(
        &self,
        context: &SlateContext,
        candidates: &[(I, Signals)],
        length: usize,
        seed: u64,
    ) -> Result<(Draw, Vec<Ranked<I>>), BanditError> {
        let (order, columns) = prepare(candidates)?;
        let draw = self.draw(context, seed);
        let ranked = propensity::best(&columns, &draw.weights, length)
            .into_iter()
            .map(|(at, score)| Ranked {
                id: candidates[order[at]].0.clone(),
                candidate: order[at],
                score,
            })
            .collect();
        Ok((draw, ranked))
    }

    /// The probability of each candidate to be in the slate, by `replays` draws (1,024 are usual)
    /// through the selection of [`Bandit::rank`]: a multiple of `1 / replays`, possibly 0. They sum
    /// to the length of the slate. A probability that something is divided by is to be taken as
    /// `1 / replays` at least.
    ///
    /// # Errors
    /// If a signal is out of range, of too many candidates or replays, or of no replay.
    pub fn propensities<I: Ord>(
        &self,
        context: &SlateContext,
        candidates: &[(I, Signals)],
        length: usize,
        replays: usize,
        seed: u64,
    ) -> Result<Vec<f64>, BanditError> {
        let mut counts = vec![0_u32; candidates.len()];
        self.replay(context, candidates, length, replays, seed, |slate| {
            slate.iter().for_each(|place| counts[*place] += 1);
        })?;
        let share = |count| f64::from(count) / replays as f64;
        Ok(counts.into_iter().map(share).collect())
    }

    /// The slates of `replays` draws through the selection of [`Bandit::rank`]: the places of the
    /// candidates, ascending, are handed to `each`. The propensity of a whole slate is the share of
    /// replays that gave it, and the value of this policy by some prediction is the mean over them.
    ///
    /// # Errors
    /// As [`Bandit::propensities`].
    pub fn replay<I: Ord>(
        &self,
        context: &SlateContext,
        candidates: &[(I, Signals)],
        length: usize,
        replays: usize,
        seed: u64,
        mut each: impl FnMut(&[usize]),
    ) -> Result<(), BanditError> {
        if replays == 0 || replays > MAX_REPLAYS {
            return Err(BanditError::Setting {
                setting: "replays",
                range: "from 1 to 1048576",
                value: replays as f64,
            });
        }
        let (order, columns) = prepare(candidates)?;
        let distribution = self.distribution(context);
        let mut places = Vec::with_capacity(length.min(candidates.len()));
        propensity::replay(&columns, &distribution, length, replays, seed, |slate| {
            places.clear();
            places.extend(slate.iter().map(|(at, _)| order[*at]));
            places.sort_unstable();
            each(&places);
        });
        Ok(())
    }

    /// Learns from a slate. Answers whether it did: of an event that is known it learns nothing.
    ///
    /// # Errors
    /// If the feedback does not fit together.
    pub fn update(&mut self, feedback: SlateFeedback) -> Result<bool, BanditError> {
        Ok(self.update_all([feedback])? == 1)
    }

    /// Learns from several slates at once, which is quicker than one by one and the same. Answers
    /// from how many it learned.
    ///
    /// # Errors
    /// If feedback does not fit together; then it learns from none.
    pub fn update_all(
        &mut self,
        feedback: impl IntoIterator<Item = SlateFeedback>,
    ) -> Result<usize, BanditError> {
        self.learn(feedback, 1.0)
    }

    /// Learns from past picks, each of which counts as `warm_weight` says.
    ///
    /// # Errors
    /// As [`Bandit::update_all`].
    pub fn warm_start(
        &mut self,
        picks: impl IntoIterator<Item = SlateFeedback>,
    ) -> Result<usize, BanditError> {
        self.learn(picks, self.model.settings.warm_weight)
    }

    fn learn(
        &mut self,
        feedback: impl IntoIterator<Item = SlateFeedback>,
        weight: f64,
    ) -> Result<usize, BanditError> {
        let feedback: Vec<SlateFeedback> = feedback.into_iter().collect();
        feedback.iter().try_for_each(SlateFeedback::check)?;
        let mut learned = 0;
        for feedback in feedback {
            if !self.log.insert(feedback, weight) {
                continue;
            }
            learned += 1;
            if let Some((event, at)) = self.log.last() {
                self.groups.add(&self.model, &event.feedback.context, at);
                self.posterior.inform(&self.model, event);
            }
            if self.log.events.len() > MAX_EVENTS {
                self.refit();
                self.fold_older_half();
            }
        }
        if learned > 0 {
            self.refit();
        }
        Ok(learned)
    }

    /// The same events taken as independent clicks, each pick being the only click of its slate.
    /// Events that were folded are not among them.
    pub(super) fn with_picks_as_clicks(&self) -> Self {
        let mut out = Self {
            posterior: Posterior::prior(&self.model),
            model: self.model.clone(),
            log: self.log.clone(),
            folded: None,
            groups: self.groups.clone(),
            draws: self.draws,
        };
        for event in &mut out.log.events {
            if let Outcome::OnePick(pick) = event.feedback.outcome {
                let clicks = (0..event.feedback.shown.len()).map(|at| Some(at) == pick);
                event.feedback.outcome = Outcome::Clicks(clicks.collect());
            }
            out.posterior.inform(&out.model, event);
        }
        out.refit();
        out
    }

    pub(super) fn refit(&mut self) {
        let folded = self.folded.as_ref();
        self.posterior
            .find_mode(&self.model, &self.log, &self.groups, folded);
        self.posterior.factorise(&self.model);
    }

    fn fold_older_half(&mut self) {
        let (forgetting, arrived) = (self.model.settings.forgetting, self.log.arrived);
        let weights = self.log.weights(forgetting);
        let young = self.log.events.split_off(MAX_EVENTS / 2);
        let old: Vec<Event> = std::mem::replace(&mut self.log.events, young);
        let known = self.folded.as_ref().map(|folded| {
            let after = (arrived - folded.arrived) as f64;
            (folded, forgetting.powf(after))
        });
        let mode = &self.posterior.mean;
        let weights = &weights[..old.len()];
        self.folded = Some(fit::fold(&self.model, &old, weights, known, mode, arrived));
        self.groups = Groups::of(&self.model, &self.log.events);
    }
}

/// The candidates in the order of their ids, and where each stood.
fn prepare<I: Ord>(candidates: &[(I, Signals)]) -> Result<(Vec<usize>, Columns), BanditError> {
    if candidates.len() > MAX_CANDIDATES {
        return Err(BanditError::TooMany {
            what: "candidates",
            given: candidates.len(),
            most: MAX_CANDIDATES,
        });
    }
    check_signals(candidates.iter().map(|(_, signals)| signals))?;
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by(|a, b| candidates[*a].0.cmp(&candidates[*b].0));
    let columns = Columns::new(order.iter().map(|at| &candidates[*at].1));
    Ok((order, columns))
}
