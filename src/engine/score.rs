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
    /// The sources that have eligible candidates, with their scores on one scale by rank, in
    /// (0, 1]; in the order in which they were given.
    pub sources: Vec<Calibrated>,
    /// Candidates that may not be shown, and why; ascending by slot.
    pub refused: Vec<(u32, Ineligible)>,
}

/// The eligible candidates of one source.
#[derive(Clone, Debug)]
pub struct Calibrated {
    /// Who offers them.
    pub source: Source,
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
            pool.sources.push(Calibrated {
                source: from.source,
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

/// The weighted mean of the calibrated scores, with the weights that were given. A source without
/// candidates says nothing, and its weight is shared out among the others.
#[derive(Clone, Copy, Debug, Default)]
pub struct WeightedBlend;

impl Scorer for WeightedBlend {
    fn score(&self, pool: &Pool) -> Scores {
        let weighted: Vec<Weighted<'_, u32>> = pool
            .sources
            .iter()
            .map(|from| Weighted {
                weight: from.weight,
                scores: &from.scores,
            })
            .collect();
        let blended = blend(&weighted);
        let speaking: Vec<usize> = (0..weighted.len())
            .filter(|at| blended.weights[*at] > 0.0)
            .collect();
        let item = |item: ranking::blend::Blended<u32>| {
            let mut sources = Sources::default();
            let mut parts: Parts = smallvec![0.0; speaking.len()];
            for (part, at) in parts.iter_mut().zip(&speaking) {
                *part = item.contributions[*at];
                if *part > 0.0 {
                    sources = sources.with(pool.sources[*at].source);
                }
            }
            Scored {
                slot: item.key,
                score: item.score,
                parts,
                sources,
            }
        };
        Scores {
            items: blended.items.into_iter().map(item).collect(),
            blend: speaking
                .iter()
                .map(|at| (pool.sources[*at].source, blended.weights[*at]))
                .collect(),
        }
    }
}
