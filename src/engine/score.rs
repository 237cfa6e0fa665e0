//! From what the sources say of the candidates to one score for each.

use rustc_hash::FxHashMap;
use smallvec::smallvec;

use super::candidates::Candidates;
use super::eligibility::{Eligibility, Ineligible};
use super::source::{Source, Sources};
use ranking::blend::{Parts, Weighted, blend, calibrate};

/// The candidates of all sources, each once, after eligibility.
#[derive(Debug, Default)]
pub struct Pool {
    /// The signals that have eligible candidates, with their scores on one scale by rank, in
    /// (0, 1]; in the order in which they were given.
    pub signals: Vec<Calibrated>,
    /// Candidates that may not be shown, and why; ascending by slot.
    pub refused: Vec<(u32, Ineligible)>,
}

/// The eligible candidates of one signal.
#[derive(Clone, Debug)]
pub struct Calibrated {
    /// The source that the signal belongs to.
    pub source: Source,
    /// Which of its signals it is.
    pub part: u8,
    /// The weight that was given for the source.
    pub weight: f32,
    /// Slots with calibrated scores.
    pub scores: Vec<(u32, f32)>,
}

impl Pool {
    /// Holds every candidate against the rules, once, and puts the scores of each source on one
    /// scale among those that passed.
    pub fn new(candidates: &[Candidates], rules: &Eligibility<'_>) -> Self {
        let mut verdicts: FxHashMap<u32, bool> = FxHashMap::default();
        let mut pool = Self::default();
        for from in candidates {
            let mut passed = Vec::with_capacity(from.scored.len());
            for (slot, score) in &from.scored {
                let admitted = *verdicts.entry(*slot).or_insert_with(|| {
                    let verdict = rules.check(*slot);
                    pool.refused.extend(verdict.err().map(|why| (*slot, why)));
                    verdict.is_ok()
                });
                if admitted && !score.is_nan() {
                    passed.push((*slot, *score));
                }
            }
            if passed.is_empty() {
                continue;
            }
            let raw: Vec<f32> = passed.iter().map(|(_, score)| *score).collect();
            for ((_, score), calibrated) in passed.iter_mut().zip(calibrate(&raw)) {
                *score = calibrated;
            }
            pool.signals.push(Calibrated {
                source: from.source,
                part: from.part,
                weight: from.weight,
                scores: passed,
            });
        }
        pool.refused.sort_unstable_by_key(|(slot, _)| *slot);
        pool
    }
}

/// What came of scoring.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    /// The sources that had a say, with weights that sum to 1.
    pub blend: Vec<(Source, f32)>,
    /// Every candidate, in no order.
    pub items: Vec<Scored>,
}

/// A candidate and its score.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// Its slot in the catalogue.
    pub slot: u32,
    /// From 0 to 1; the sum of `parts`.
    pub score: f32,
    /// How much each source of the blend adds, in its order; 0 where it does not know the item.
    pub parts: Parts,
    /// The sources that added something.
    pub sources: Sources,
}

/// Turns what the sources say into one score for each candidate. Deterministic: it depends on the
/// pool alone, and not on the order in which candidates come.
pub trait Scorer {
    /// Scores every candidate of the pool.
    fn score(&self, pool: &Pool) -> Scores;
}

/// The weighted mean of the calibrated scores, with the weights that were given. A signal without
/// candidates says nothing, and its weight is shared out among the others.
#[derive(Clone, Copy, Debug, Default)]
pub struct WeightedBlend;

impl Scorer for WeightedBlend {
    fn score(&self, pool: &Pool) -> Scores {
        let weights: Vec<f32> = pool.signals.iter().map(|signal| signal.weight).collect();
        weighted(pool, &weights)
    }
}

/// The weighted mean of the calibrated scores of all signals, a weight for each. What the signals of
/// one source add is added up: people are told of sources.
pub fn weighted(pool: &Pool, weights: &[f32]) -> Scores {
    let signals: Vec<Weighted<'_, u32>> = pool
        .signals
        .iter()
        .zip(weights)
        .map(|(signal, weight)| Weighted {
            weight: *weight,
            scores: &signal.scores,
        })
        .collect();
    let blended = blend(&signals);
    let mut sources: Vec<(Source, f32)> = Vec::new();
    // For each signal, the place of its source.
    let places: Vec<Option<usize>> = pool
        .signals
        .iter()
        .zip(&blended.weights)
        .map(|(signal, weight)| {
            if *weight <= 0.0 {
                return None;
            }
            let known = sources
                .iter()
                .position(|(source, _)| *source == signal.source);
            let place = known.unwrap_or_else(|| {
                sources.push((signal.source, 0.0));
                sources.len() - 1
            });
            sources[place].1 += weight;
            Some(place)
        })
        .collect();
    let item = |item: ranking::blend::Blended<u32>| {
        let mut offered = Sources::default();
        let mut parts: Parts = smallvec![0.0; sources.len()];
        for (place, contribution) in places.iter().zip(&item.contributions) {
            if let Some(place) = place
                && *contribution > 0.0
            {
                parts[*place] += contribution;
                offered = offered.with(sources[*place].0);
            }
        }
        Scored {
            slot: item.key,
            score: item.score,
            parts,
            sources: offered,
        }
    };
    Scores {
        items: blended.items.into_iter().map(item).collect(),
        blend: sources.clone(),
    }
}
