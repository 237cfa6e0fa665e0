//! Judging a bandit by slates that another state of it offered, before it offers any itself.
//!
//! One set of ten films among hundreds is so improbable that hardly any set is offered twice, and the
//! importance of whole sets says nothing. What a slate earns depends on how attractive its films are together,
//! though: on `T = 1 − P(none | slate)`, which a model of picks predicts. So slates are weighed by how much more
//! often the judged bandit would offer slates that are as attractive as this one, `p_judged(T) / p_logged(T)`
//! in the same hour, both counted in replays: the marginalised importance of Saito and Joachims 2022
//! ("Off-Policy Evaluation for Large Action Spaces via Embeddings", §3), with `T` in quantiles for the
//! embedding. It is unbiased as far as `T` holds all that rewards depend on; what the model of picks gets
//! wrong within a quantile is corrected by the doubly robust estimate only on the mean.

use super::feedback::check_signals;
use super::off_policy::SlateRecord;
use super::propensity::{Columns, best, score};
use super::random::Normals;
use super::sampler::MAX_REPLAYS;
use super::{Bandit, BanditError, DrawDistribution, Signals, SlateContext};

/// So many quantiles of how attractive slates are: more follow the distributions more closely, and have fewer
/// replays each.
const BINS: usize = 8;

/// A slate as it was offered, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedSlate {
    /// The hour that it was for.
    pub context: SlateContext,
    /// The signals of the candidates; of equal scores the earlier candidate comes first.
    pub candidates: Vec<Signals>,
    /// The places of the offered candidates, best first.
    pub shown: Vec<usize>,
    /// The place of the picked one among `candidates`.
    pub picked: Option<usize>,
    /// What its weights were drawn from.
    pub draws: DrawDistribution,
    /// The seed that they were drawn with.
    pub seed: u64,
    /// The weights that were drawn.
    pub weights: Signals,
}

/// What a slate says about a bandit that did not offer it.
#[derive(Clone, Debug, PartialEq)]
pub struct SlateJudgement {
    /// The slate in the log of [`super::off_policy::whole_slates`]. Its reward is 1 if something was picked.
    pub record: SlateRecord,
    /// Normalised discounted cumulative gain of the bandit's order of the offered films, the picked one being
    /// the relevant one: the mean of `1 / log₂(1 + rank)` over draws (Järvelin and Kekäläinen 2002). `None`
    /// where nothing was picked. Films that were not offered do not count, since nobody could pick them.
    pub ndcg: Option<f64>,
    /// The same of the order in which they were offered.
    pub served_ndcg: Option<f64>,
    /// The places of the candidates that the bandit would offer by its first draw.
    pub offered: Vec<usize>,
}

impl Bandit {
    /// Judges this bandit by a slate. `choices` predicts what is picked, by the mean of its posterior: best a
    /// bandit that has learned from the log. Distributions are counted over `replays` draws.
    ///
    /// # Errors
    /// If a signal is out of range, if a place is none of a candidate, of no replay or too many, and where the
    /// weights do not follow from what was drawn as this bandit's would: slates of the other sampler, or of other
    /// settings of it, cannot be compared.
    pub fn judge(
        &self,
        slate: &LoggedSlate,
        choices: &Self,
        replays: usize,
        seed: u64,
    ) -> Result<SlateJudgement, BanditError> {
        check_signals(slate.candidates.iter())?;
        let count = slate.candidates.len();
        let mut places = slate.shown.iter().chain(&slate.picked);
        if !(1..=MAX_REPLAYS).contains(&replays) || !places.all(|place| *place < count) {
            return Err(BanditError::Log);
        }
        let distribution = self.distribution(&slate.context);
        let drawn = self.model.weights(&slate.draws.draw(slate.seed));
        let same = drawn.iter().zip(&slate.weights);
        let same = same.fold(true, |same, (a, b)| same & ((a - b).abs() < 1e-9));
        if distribution.draws.sampler != slate.draws.sampler || !same {
            return Err(BanditError::OtherSampler);
        }

        let columns = Columns::new(slate.candidates.iter());
        let utilities = choices.utilities(&slate.context, &slate.candidates);
        let odds: Vec<f64> = utilities.into_iter().map(f64::exp).collect();
        let attraction =
            |slate: &[(usize, f64)]| pick_probability(slate.iter().map(|(place, _)| odds[*place]));
        let length = slate.shown.len();
        let own = pick_probability(slate.shown.iter().map(|place| odds[*place]));
        let mut normals = Normals::new(seed);
        let (mut gain, mut offered) = (0.0, Vec::new());
        let mut judged = Vec::with_capacity(replays);
        for replay in 0..replays {
            let weights = distribution.weights(&normals.signals());
            let ranked = best(&columns, &weights, length);
            judged.push(attraction(&ranked));
            if let Some(picked) = slate.picked {
                gain += discounted(rank(slate, picked, &weights));
            }
            if replay == 0 {
                offered = ranked.into_iter().map(|(place, _)| place).collect();
            }
        }
        let logged = (0..replays).map(|_| {
            let weights = self.model.weights(&slate.draws.at(&normals.signals()));
            attraction(&best(&columns, &weights, length))
        });
        // The slate itself is one that the logging bandit offered, so its share is never 0.
        let logged: Vec<f64> = logged.chain([own]).collect();

        let mut pooled: Vec<f64> = logged.iter().chain(&judged).copied().collect();
        pooled.sort_unstable_by(f64::total_cmp);
        let bounds = (1..BINS).map(|bin| pooled[bin * pooled.len() / BINS]);
        let bounds: Vec<f64> = bounds.collect();
        let bin = |value: f64| bounds.iter().filter(|bound| value >= **bound).count();
        let share = |values: &[f64]| {
            let same = values.iter().filter(|value| bin(**value) == bin(own));
            same.count() as f64 / values.len() as f64
        };
        let served_rank = slate
            .picked
            .and_then(|picked| slate.shown.iter().position(|shown| *shown == picked));
        let mean = |sum: f64| sum / replays as f64;
        Ok(SlateJudgement {
            record: SlateRecord {
                logged: share(&logged),
                target: share(&judged),
                reward: f64::from(u8::from(slate.picked.is_some())),
                predicted: own,
                predicted_target: mean(judged.iter().sum()),
            },
            ndcg: slate.picked.map(|_| mean(gain)),
            served_ndcg: served_rank.map(discounted),
            offered,
        })
    }
}

/// How many of the offered films stand before the picked one by these weights.
fn rank(slate: &LoggedSlate, picked: usize, weights: &Signals) -> usize {
    let of = |place: usize| score(&slate.candidates[place], weights);
    let own = of(picked);
    let before = |other: &&usize| of(**other) > own || (of(**other) == own && **other < picked);
    slate.shown.iter().filter(before).count()
}

/// The gain of what stands behind `before` others.
fn discounted(before: usize) -> f64 {
    1.0 / (before as f64 + 2.0).log2()
}

/// The probability that one of these is picked and not "none", from `e` to the power of each utility.
fn pick_probability(odds: impl Iterator<Item = f64>) -> f64 {
    let sum: f64 = odds.sum();
    1.0 / (1.0 + 1.0 / sum)
}
