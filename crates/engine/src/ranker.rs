//! The learned ranker: how much each signal counts, learnt from what users took out of their lists.
//!
//! A conditional logit over the candidates of replayed requests ([`ranking::choice`]), linear in the
//! calibrated scores of the signals and with the configured weights as its prior. What it learns are
//! the weights of the blend, so every list that it ranks is explained as any other.

use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use super::score::{Pool, Scorer, Scores, weighted};
use super::source::Source;
use ranking::choice::{self, Choice};

/// λ of the logit: so many users weigh as much as the prior, in order of magnitude.
const STRENGTH: f64 = 2.0;

/// One signal of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SignalName {
    /// The source.
    pub source: Source,
    /// Which of its signals, from 0.
    pub part: u8,
}

/// The learned weights of the signals.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ranker {
    /// Each signal with its weight, from 0 to 1; they sum to 1.
    pub weights: Vec<SignalWeight>,
}

/// How much one signal counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignalWeight {
    /// The name of its source.
    pub source: String,
    /// Which of the source's signals it is, from 0.
    pub part: u8,
    /// Its weight, from 0 to 1.
    pub weight: f32,
}

impl Ranker {
    /// The learned weight of a signal; 0 where nothing was learned of it.
    pub fn weight(&self, source: Source, part: u8) -> f32 {
        let mut known = self.weights.iter();
        let known = known.find(|known| known.part == part && known.source == source.as_str());
        known.map_or(0.0, |known| known.weight)
    }
}

impl Scorer for Ranker {
    /// The blend with the learned weights. A signal that the ranker has not learnt of has no say,
    /// unless no signal that it knows has anything to say.
    fn score(&self, pool: &Pool) -> Scores {
        let learned: Vec<f32> = pool
            .signals
            .iter()
            .map(|signal| self.weight(signal.source, signal.part))
            .collect();
        if learned.iter().any(|weight| *weight > 0.0) {
            return weighted(pool, &learned);
        }
        let given: Vec<f32> = pool.signals.iter().map(|signal| signal.weight).collect();
        weighted(pool, &given)
    }
}

/// One replayed request: what was offered, and what the user took of it afterwards.
#[derive(Clone, Debug, Default)]
pub struct Replayed {
    /// The signals, each with the weight that is configured for it.
    pub signals: Vec<(SignalName, f32)>,
    /// For each candidate its calibrated scores, in the order of the signals; 0 where a signal does
    /// not know it.
    pub features: Vec<f32>,
    /// The candidates that were taken.
    pub consumed: Vec<u32>,
}

impl Replayed {
    /// What the pool offered, `consumed` being the slots that the user took.
    pub fn new(pool: &Pool, consumed: &FxHashSet<u32>) -> Self {
        let mut indices: FxHashMap<u32, usize> = FxHashMap::default();
        let width = pool.signals.len();
        let mut replayed = Self::default();
        for (at, signal) in pool.signals.iter().enumerate() {
            let name = SignalName {
                source: signal.source,
                part: signal.part,
            };
            replayed.signals.push((name, signal.weight));
            for (slot, score) in &signal.scores {
                let next = indices.len();
                let index = *indices.entry(*slot).or_insert(next);
                if index == next {
                    replayed.features.resize((next + 1) * width, 0.0);
                    if consumed.contains(slot) {
                        // A request has a few thousand candidates.
                        replayed
                            .consumed
                            .push(u32::try_from(index).unwrap_or(u32::MAX));
                    }
                }
                replayed.features[index * width + at] = *score;
            }
        }
        replayed
    }
}

impl Ranker {
    /// Learns from replayed requests; `None` where nobody took anything that was offered.
    pub fn learn(replayed: &[&Replayed]) -> Option<Self> {
        // Every signal that occurs, with the mean of what is configured for it.
        let mut names: Vec<SignalName> = Vec::new();
        let mut given: FxHashMap<SignalName, (f32, f32)> = FxHashMap::default();
        for (name, weight) in replayed.iter().flat_map(|request| &request.signals) {
            let (sum, count) = given.entry(*name).or_insert_with(|| {
                names.push(*name);
                (0.0, 0.0)
            });
            (*sum, *count) = (*sum + weight, *count + 1.0);
        }
        names.sort_unstable();
        let prior: Vec<f32> = names
            .iter()
            .map(|name| {
                let (sum, count) = given[name];
                sum / count
            })
            .collect();
        let choices: Vec<Choice> = replayed
            .iter()
            .map(|request| spread(request, &names))
            .collect();
        let weights = choice::fit(&choices, &prior, STRENGTH).ok()?;
        let sum: f64 = weights.iter().sum();
        let weight = |(name, weight): (&SignalName, f64)| SignalWeight {
            source: name.source.as_str().to_owned(),
            part: name.part,
            weight: (weight / sum) as f32,
        };
        (sum > 0.0 && sum.is_finite()).then(|| Self {
            weights: names.iter().zip(weights).map(weight).collect(),
        })
    }
}

/// The features of a request in the columns of all signals.
fn spread(request: &Replayed, names: &[SignalName]) -> Choice {
    let columns: Vec<usize> = request
        .signals
        .iter()
        .filter_map(|(name, _)| names.binary_search(name).ok())
        .collect();
    let width = request.signals.len().max(1);
    let rows = request.features.len() / width;
    let mut features = vec![0.0; rows * names.len()];
    for (row, known) in request.features.chunks_exact(width).enumerate() {
        for (column, score) in columns.iter().zip(known) {
            features[row * names.len() + column] = *score;
        }
    }
    Choice {
        features,
        chosen: request.consumed.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::PooledSignal;

    /// The second signal knows what users take, the first does not; both are configured.
    fn pool() -> Pool {
        let signal = |source, weight, scores: &[(u32, f32)]| PooledSignal {
            source,
            part: 0,
            weight,
            scores: scores.to_vec(),
        };
        Pool {
            eligible: Vec::new(),
            signals: vec![
                signal(Source::Collaborative, 0.7, &[(1, 1.0), (2, 0.9), (3, 0.8)]),
                signal(Source::Interests, 0.3, &[(3, 1.0), (2, 0.9), (4, 0.8)]),
            ],
            refused: Vec::new(),
        }
    }

    fn order(scores: &Scores) -> Vec<u32> {
        scores.items.iter().map(|item| item.slot).collect()
    }

    #[test]
    fn the_signal_that_knows_what_users_take_comes_to_lead() {
        let consumed = FxHashSet::from_iter([3]);
        let replayed = Replayed::new(&pool(), &consumed);
        let ranker = Ranker::learn(&vec![&replayed; 200]).unwrap();

        assert_eq!(order(&weighted(&pool(), &[0.7, 0.3]))[0], 2);
        let scores = ranker.score(&pool());
        assert_eq!(order(&scores)[0], 3);
        let weights: f32 = ranker.weights.iter().map(|known| known.weight).sum();
        assert!((weights - 1.0).abs() < 1e-5);
        for item in &scores.items {
            let sum: f32 = item.parts.iter().sum();
            assert!(
                (sum - item.score).abs() < 1e-5,
                "the parts explain the score"
            );
        }
    }

    #[test]
    fn one_user_moves_little_and_nothing_taken_teaches_nothing() {
        let one = Replayed::new(&pool(), &FxHashSet::from_iter([3]));
        let ranker = Ranker::learn(&[&one]).unwrap();
        let weight = |at: usize| ranker.weights[at].weight;
        assert!(weight(0) > 0.3 && weight(1) < 0.7, "{ranker:?}");
        let none = Replayed::new(&pool(), &FxHashSet::default());
        assert_eq!(Ranker::learn(&[&none]), None);
    }

    #[test]
    fn an_unknown_signal_stays_out_and_carries_where_nothing_else_speaks() {
        let ranker = Ranker {
            weights: vec![SignalWeight {
                source: "COLLABORATIVE".to_owned(),
                part: 0,
                weight: 1.0,
            }],
        };
        let scores = ranker.score(&pool());
        assert_eq!(scores.blend, [(Source::Collaborative, 1.0)]);
        let mut alone = pool();
        alone.signals.remove(0);
        assert_eq!(ranker.score(&alone).blend, [(Source::Interests, 1.0)]);
    }
}
