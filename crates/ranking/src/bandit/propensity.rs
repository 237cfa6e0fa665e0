//! How probable it is that an item is in the slate, by replaying the draw.

use rayon::prelude::*;

use super::distribution::WeightDistribution;
use super::random::Normals;
use super::{SIGNALS, Signals};

/// Candidates by column, so that several are scored at a time; padded to whole blocks.
pub(super) struct Columns {
    columns: [Vec<[f64; LANES]>; SIGNALS],
    count: usize,
}

/// Candidates whose scores are summed in registers.
const LANES: usize = 8;

/// Candidates that are compared with the bound of a slate together.
const BLOCK: usize = 64;

/// Replays that go over the candidates together, while a block of them is at hand.
const TOGETHER: usize = 32;

/// Replays whose slates are in memory together.
const AT_ONCE: usize = 4096;

/// So many scores are worth several threads. Most of them are not computed.
const PARALLEL: usize = 1 << 22;

/// `s · w`, added in the order of the signals: the same number wherever it is computed.
#[inline]
pub(super) fn score(signals: &Signals, weights: &Signals) -> f64 {
    let mut sum = 0.0;
    for (signal, weight) in signals.iter().zip(weights) {
        sum += signal * weight;
    }
    sum
}

impl Columns {
    /// Of candidates in the order in which ties are broken.
    pub(super) fn new<'a>(candidates: impl ExactSizeIterator<Item = &'a Signals>) -> Self {
        let count = candidates.len();
        let padded = count.next_multiple_of(BLOCK) / LANES;
        let mut columns = [(); SIGNALS].map(|()| vec![[0.0; LANES]; padded]);
        for (at, signals) in candidates.enumerate() {
            for (column, signal) in columns.iter_mut().zip(signals) {
                column[at / LANES][at % LANES] = *signal;
            }
        }
        Self { columns, count }
    }

    fn blocks(&self) -> usize {
        self.count.div_ceil(BLOCK)
    }

    fn signals(&self, at: usize) -> Signals {
        let mut out = [0.0; SIGNALS];
        for (out, column) in out.iter_mut().zip(&self.columns) {
            *out = column[at / LANES][at % LANES];
        }
        out
    }

    fn score_block(&self, block: usize, weights: &Signals, out: &mut [f64; BLOCK]) {
        let first = block * (BLOCK / LANES);
        let (lanes, _) = out.as_chunks_mut::<LANES>();
        for (at, out) in lanes.iter_mut().enumerate() {
            let mut sums = [0.0; LANES];
            for (column, weight) in self.columns.iter().zip(weights) {
                for (sum, signal) in sums.iter_mut().zip(&column[first + at]) {
                    *sum += signal * weight;
                }
            }
            *out = sums;
        }
    }
}

/// The places of the best `length` by these weights, best first; ties go to the earlier place.
pub(super) fn best(candidates: &Columns, weights: &Signals, length: usize) -> Vec<(usize, f64)> {
    let mut scores = vec![0.0; candidates.blocks() * BLOCK];
    let (blocks, _) = scores.as_chunks_mut::<BLOCK>();
    for (at, block) in blocks.iter_mut().enumerate() {
        candidates.score_block(at, weights, block);
    }
    scores.truncate(candidates.count);
    let mut places: Vec<(usize, f64)> = scores.into_iter().enumerate().collect();
    keep_best(&mut places, length);
    places.sort_unstable_by(best_first);
    places
}

fn best_first(a: &(usize, f64), b: &(usize, f64)) -> std::cmp::Ordering {
    (b.1 + 0.0)
        .total_cmp(&(a.1 + 0.0))
        .then_with(|| a.0.cmp(&b.0))
}

fn keep_best(places: &mut Vec<(usize, f64)>, length: usize) {
    if places.len() > length {
        if length > 0 {
            places.select_nth_unstable_by(length - 1, best_first);
        }
        places.truncate(length);
    }
}

/// Selects the slates of `replays` draws and hands each to `each`: its places, in no order.
pub(super) fn replay(
    candidates: &Columns,
    distribution: &WeightDistribution,
    length: usize,
    replays: usize,
    seed: u64,
    mut each: impl FnMut(&[(usize, f64)]),
) {
    let length = length.min(candidates.count);
    if length == 0 {
        return (0..replays).for_each(|_| each(&[]));
    }
    let mut normals = Normals::new(seed);
    let selection = Selection::new(candidates, distribution.typical(), length);
    let mut left = replays;
    while left > 0 {
        let now = left.min(AT_ONCE);
        left -= now;
        let weights: Vec<Signals> = (0..now)
            .map(|_| distribution.weights(&normals.signals()))
            .collect();
        let groups = weights.chunks(TOGETHER);
        if candidates.count * now < PARALLEL {
            groups.for_each(|group| selection.slates(group).iter().for_each(|slate| each(slate)));
        } else {
            let groups = weights.par_chunks(TOGETHER);
            let slates: Vec<_> = groups.map(|group| selection.slates(group)).collect();
            slates.iter().flatten().for_each(|slate| each(slate));
        }
    }
}

/// The selection of slates by weights that are not far from typical ones.
pub(super) struct Selection {
    /// The candidates, the best by the typical weights first.
    candidates: Columns,
    /// The place of each in the order in which ties are broken.
    places: Vec<usize>,
    /// The weights at the mean, and the score by them of the best candidate of each block.
    typical: Signals,
    best_of_block: Vec<f64>,
    /// The least and the largest value of each signal.
    low: Signals,
    high: Signals,
    length: usize,
    /// Items that are likely to be good. The best `length` of them bound a slate from below: none of
    /// it is worse than the worst of those. So what is worse has no chance, and is most of the others.
    likely: Vec<Signals>,
}

/// More than rounding makes of a score, relative to the weights.
const ROUNDING: f64 = 1e-9;

impl Selection {
    pub(super) fn new(candidates: &Columns, typical: Signals, length: usize) -> Self {
        let sorted = best(candidates, &typical, candidates.count);
        let signals: Vec<Signals> = sorted
            .iter()
            .map(|(place, _)| candidates.signals(*place))
            .collect();
        let (mut low, mut high) = ([f64::INFINITY; SIGNALS], [f64::NEG_INFINITY; SIGNALS]);
        for item in &signals {
            for ((low, high), signal) in low.iter_mut().zip(&mut high).zip(item) {
                (*low, *high) = (low.min(*signal), high.max(*signal));
            }
        }
        Self {
            candidates: Columns::new(signals.iter()),
            best_of_block: sorted
                .iter()
                .step_by(BLOCK)
                .map(|(_, score)| *score)
                .collect(),
            places: sorted.into_iter().map(|(place, _)| place).collect(),
            typical,
            low,
            high,
            length,
            likely: signals.into_iter().take(2 * length).collect(),
        }
    }

    /// How many blocks, from the first, can have an item with a score of `bound` by these weights. With
    /// `w = w̄ + δ` the score of an item is `s · w̄ + s · δ`: of the first part no item of a block, and of those
    /// after it, has more than its best one, and the second part is bounded by the ranges of the signals.
    pub(super) fn blocks_reaching(&self, bound: f64, weights: &Signals) -> usize {
        let (mut most, mut scale) = (0.0, 1.0);
        let ranges = self.low.iter().zip(&self.high);
        for ((weight, typical), (low, high)) in weights.iter().zip(&self.typical).zip(ranges) {
            let away = weight - typical;
            most += (away * low).max(away * high);
            scale += weight.abs() + typical.abs();
        }
        let least = bound - most - ROUNDING * scale;
        self.best_of_block.partition_point(|best| *best >= least)
    }

    /// The worst score that an item of the slate by these weights can have.
    pub(super) fn bound(&self, weights: &Signals, scores: &mut Vec<f64>) -> f64 {
        scores.clear();
        scores.extend(self.likely.iter().map(|item| score(item, weights)));
        let worst = self.length - 1;
        *scores
            .select_nth_unstable_by(worst, |a, b| b.total_cmp(a))
            .1
    }

    /// The slate of each of some weights, at most [`TOGETHER`]: places with their scores.
    fn slates(&self, weights: &[Signals]) -> Vec<Vec<(usize, f64)>> {
        let mut bounds = [(0.0, 0); TOGETHER];
        let mut scores = Vec::with_capacity(self.likely.len());
        for (found, weights) in bounds.iter_mut().zip(weights) {
            let bound = self.bound(weights, &mut scores);
            *found = (bound, self.blocks_reaching(bound, weights));
        }
        let reached = bounds.iter().map(|(_, blocks)| *blocks).max().unwrap_or(0);
        let mut good: Vec<Vec<(usize, f64)>> = vec![Vec::new(); weights.len()];
        for block in 0..reached {
            let first = block * BLOCK;
            let here = self.candidates.count - first;
            for (((bound, blocks), good), weights) in bounds.iter().zip(&mut good).zip(weights) {
                if block >= *blocks {
                    continue;
                }
                let mut scores = [0.0; BLOCK];
                self.candidates.score_block(block, weights, &mut scores);
                let promising = scores
                    .iter()
                    .fold(false, |any, score| any | (score >= bound));
                if promising {
                    let scores = scores.iter().take(here).enumerate();
                    let reaching = scores.filter(|(_, score)| *score >= bound);
                    good.extend(reaching.map(|(at, score)| (self.places[first + at], *score)));
                }
            }
        }
        good.iter_mut()
            .for_each(|good| keep_best(good, self.length));
        good
    }
}
