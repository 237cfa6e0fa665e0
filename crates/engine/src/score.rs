//! From what the sources say of the candidates to one score for each.

use std::cmp::Ordering;

use rustc_hash::FxHashMap;
use smallvec::smallvec;

use super::candidates::{Candidates, Scale};
use super::catalogue::Catalogue;
use super::eligibility::{Eligibility, Ineligible};
use super::source::{Source, Sources};
use ranking::blend::{Parts, Weighted, blend, calibrate};

/// The candidates of all sources after eligibility: the first step of the pipeline.
#[derive(Debug, Default)]
pub struct Pool {
    /// The slots of all eligible candidates, each once, in the order in which they were offered.
    pub eligible: Vec<u32>,
    /// The signals that have eligible candidates, in the order in which they were given.
    pub signals: Vec<PooledSignal>,
    /// Candidates that may not be shown, and why; ascending by slot.
    pub refused: Vec<(u32, Ineligible)>,
}

/// The eligible candidates of one signal.
#[derive(Clone, Debug)]
pub struct PooledSignal {
    /// The source that the signal belongs to.
    pub source: Source,
    /// Which of its signals it is.
    pub part: u8,
    /// The weight that was given for the source.
    pub weight: f32,
    /// Slots with scores: of [`Scale::Rank`] on the common scale, in (0, 1]; of [`Scale::Given`] as
    /// the source gave them. None is NaN.
    pub scores: Vec<(u32, f32)>,
}

/// What is known of a slot while a pool is made.
#[derive(Clone, Copy, PartialEq)]
enum Verdict {
    Open,
    Admitted,
    Refused,
}

impl Pool {
    /// Holds every candidate against the rules, once, and puts the scores of each signal that count
    /// by their rank on one scale, among those that passed.
    pub fn new(candidates: &[Candidates], rules: &Eligibility<'_>) -> Self {
        // A byte for each slot is read faster than a map, and thousands of candidates are asked for.
        let mut verdicts = vec![Verdict::Open; rules.catalogue().len()];
        let mut pool = Self::default();
        for from in candidates {
            let mut passed = Vec::with_capacity(from.scored.len());
            for (slot, score) in &from.scored {
                if pool.is_eligible(*slot, &mut verdicts, rules) && !score.is_nan() {
                    passed.push((*slot, *score));
                }
            }
            if passed.is_empty() {
                continue;
            }
            if from.scale == Scale::Rank {
                let raw: Vec<f32> = passed.iter().map(|(_, score)| *score).collect();
                for ((_, score), calibrated) in passed.iter_mut().zip(calibrate(&raw)) {
                    *score = calibrated;
                }
            }
            pool.signals.push(PooledSignal {
                source: from.source,
                part: from.part,
                weight: from.weight,
                scores: passed,
            });
        }
        pool.refused.sort_unstable_by_key(|(slot, _)| *slot);
        // Slots that the catalogue does not have are judged each time.
        pool.refused.dedup_by_key(|(slot, _)| *slot);
        pool
    }

    fn is_eligible(
        &mut self,
        slot: u32,
        verdicts: &mut [Verdict],
        rules: &Eligibility<'_>,
    ) -> bool {
        let known = verdicts.get_mut(slot as usize);
        match known.as_deref() {
            Some(Verdict::Admitted) => return true,
            Some(Verdict::Refused) => return false,
            Some(Verdict::Open) | None => {}
        }
        let checked = rules.check(slot);
        let verdict = match checked {
            Ok(_) => Verdict::Admitted,
            Err(_) => Verdict::Refused,
        };
        if let Some(known) = known {
            *known = verdict;
        }
        match checked {
            Ok(_) => self.eligible.push(slot),
            Err(why) => self.refused.push((slot, why)),
        }
        verdict == Verdict::Admitted
    }

    /// The signal of this source and part, if it has eligible candidates.
    pub fn signal(&self, source: Source, part: u8) -> Option<&PooledSignal> {
        let mut signals = self.signals.iter();
        signals.find(|signal| signal.source == source && signal.part == part)
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

    /// Which of two candidates with the same score comes first.
    fn ties(&self) -> Ties<'_> {
        Ties::Id
    }
}

/// Which of two items with the same score comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ties<'a> {
    /// The one with the smaller id.
    #[default]
    Id,
    /// The more popular one by its own popularity; of equally popular ones the smaller id.
    Popularity,
    /// The one with the smaller number here; what has none comes last, the smaller id first.
    Listed(&'a FxHashMap<u32, usize>),
}

impl Ties<'_> {
    /// The order of two slots whose scores are the same.
    pub fn order(self, catalogue: &Catalogue, a: u32, b: u32) -> Ordering {
        let (Some(one), Some(other)) = (catalogue.entry(a), catalogue.entry(b)) else {
            return a.cmp(&b);
        };
        let first = match self {
            Self::Id => Ordering::Equal,
            Self::Popularity => other.popularity.total_cmp(&one.popularity),
            Self::Listed(places) => {
                let place = |slot: u32| places.get(&slot).copied().unwrap_or(usize::MAX);
                place(a).cmp(&place(b))
            }
        };
        first.then_with(|| one.id.cmp(&other.id))
    }
}

/// The score that the only source gives, in [0, 1], as it is; what is outside is moved to the nearer
/// end. Several signals are blended by their weights.
#[derive(Clone, Copy, Debug, Default)]
pub struct GivenScores;

impl Scorer for GivenScores {
    fn score(&self, pool: &Pool) -> Scores {
        let [signal] = &pool.signals[..] else {
            return WeightedBlend.score(pool);
        };
        let item = |(slot, score): &(u32, f32)| {
            let score = score.clamp(0.0, 1.0);
            Scored {
                slot: *slot,
                score,
                parts: smallvec![score],
                sources: signal.source.into(),
            }
        };
        Scores {
            blend: vec![(signal.source, 1.0)],
            items: signal.scores.iter().map(item).collect(),
        }
    }
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
    let indices: Vec<Option<usize>> = pool
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
            let index = known.unwrap_or_else(|| {
                sources.push((signal.source, 0.0));
                sources.len() - 1
            });
            sources[index].1 += weight;
            Some(index)
        })
        .collect();
    let item = |item: ranking::blend::Blended<u32>| {
        let mut offered = Sources::default();
        let mut parts: Parts = smallvec![0.0; sources.len()];
        for (index, contribution) in indices.iter().zip(&item.contributions) {
            if let Some(index) = index
                && *contribution > 0.0
            {
                parts[*index] += contribution;
                offered = offered.with(sources[*index].0);
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
