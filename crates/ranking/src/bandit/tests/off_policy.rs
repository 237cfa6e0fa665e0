//! Off-policy estimates in worlds where the truth is known.

use std::collections::HashMap;

use super::super::likelihood::logistic;
use super::super::off_policy::*;
use super::super::random::Normals;
use super::super::*;
use super::context;
use rand::RngExt;

const LENGTH: usize = 3;
const SLATES: usize = 10_000;
const LOGS: usize = 200;
const REPLAYS: usize = 1 << 15;

/// How somebody with known taste chooses from a slate of these utilities.
fn chances(utilities: &[f64], one_pick: bool) -> Vec<f64> {
    let powers: Vec<f64> = utilities.iter().map(|utility| utility.exp()).collect();
    let total = 1.0 + powers.iter().sum::<f64>();
    if one_pick {
        powers.iter().map(|power| power / total).collect()
    } else {
        utilities.iter().map(|utility| logistic(*utility)).collect()
    }
}

/// One context with its candidates, and both policies there.
struct Case {
    utilities: Vec<f64>,
    predicted: Vec<f64>,
    /// Slates that the logging policy shows, by other draws than those of the propensities.
    shown: Vec<Vec<usize>>,
    logged: HashMap<Vec<usize>, f64>,
    target: HashMap<Vec<usize>, f64>,
    logged_items: Vec<f64>,
    target_items: Vec<f64>,
}

struct World {
    one_pick: bool,
    cases: Vec<Case>,
}

fn slate_shares(
    bandit: &Bandit,
    context: &SlateContext,
    candidates: &[(usize, Signals)],
    seed: u64,
) -> HashMap<Vec<usize>, f64> {
    let mut out = HashMap::new();
    bandit
        .replay(context, candidates, LENGTH, REPLAYS, seed, |slate| {
            *out.entry(slate.to_vec()).or_default() += 1.0 / REPLAYS as f64;
        })
        .unwrap();
    out
}

impl World {
    fn new(one_pick: bool) -> Self {
        let mut random = Normals::new(1);
        let logging = Bandit::new(
            Settings {
                exploration: 1.0,
                ..Settings::logistic()
            },
            1,
        )
        .unwrap();
        let mut target = logging.clone();
        // The judged policy has learned a little of something else.
        let mut events = super::slates(2, 12, 4);
        for event in &mut events {
            let best = (0..4).max_by(|a, b| event.shown[*a][2].total_cmp(&event.shown[*b][2]));
            event.outcome = Outcome::OnePick(best);
        }
        target.update_all(events).unwrap();
        let case = |at: u64| {
            let context = context(&mut random);
            let candidates: Vec<(usize, Signals)> = (0..8)
                .map(|id| (id, [(); SIGNALS].map(|()| random.uniform.random())))
                .collect();
            let taste = [2.0, 1.0, 3.0, 0.5, 1.0, -1.0];
            let utility = |signals: &Signals| -> f64 {
                let sum: f64 = signals.iter().zip(taste).map(|(s, w)| w * (s - 0.5)).sum();
                if one_pick { sum + 0.7 } else { sum + 1.0 }
            };
            let utilities: Vec<f64> = candidates.iter().map(|(_, s)| utility(s)).collect();
            let mut shown = Vec::new();
            logging
                .replay(&context, &candidates, LENGTH, REPLAYS, 3 * at, |slate| {
                    shown.push(slate.to_vec());
                })
                .unwrap();
            let items = |policy: &Bandit, seed| {
                policy
                    .propensities(&context, &candidates, LENGTH, REPLAYS, seed)
                    .unwrap()
            };
            Case {
                // The reward model is wrong: it shrinks what it cannot know.
                predicted: utilities
                    .iter()
                    .map(|utility| 0.8 * utility + 0.2)
                    .collect(),
                utilities,
                shown,
                logged: slate_shares(&logging, &context, &candidates, 3 * at + 1),
                target: slate_shares(&target, &context, &candidates, 3 * at + 2),
                logged_items: items(&logging, 3 * at + 1),
                target_items: items(&target, 3 * at + 2),
            }
        };
        Self {
            one_pick,
            cases: (0..6).map(case).collect(),
        }
    }

    fn of_slate(&self, utilities: &[f64], slate: &[usize]) -> f64 {
        let utilities: Vec<f64> = slate.iter().map(|at| utilities[*at]).collect();
        chances(&utilities, self.one_pick).iter().sum()
    }

    /// What the judged policy earns, from all its slates.
    fn truth(&self) -> f64 {
        let of_case = |case: &Case| -> f64 {
            let of =
                |(slate, share): (&Vec<usize>, &f64)| share * self.of_slate(&case.utilities, slate);
            case.target.iter().map(of).sum()
        };
        self.cases.iter().map(of_case).sum::<f64>() / self.cases.len() as f64
    }

    /// What the reward model expects of the judged policy in each case.
    fn expected(&self) -> Vec<f64> {
        let of_case = |case: &Case| -> f64 {
            let of =
                |(slate, share): (&Vec<usize>, &f64)| share * self.of_slate(&case.predicted, slate);
            case.target.iter().map(of).sum()
        };
        self.cases.iter().map(of_case).collect()
    }

    /// A log: for each slate its case, what was shown and what was taken.
    fn log(&self, seed: u64) -> Vec<(usize, &[usize], Vec<bool>)> {
        let mut random = Normals::new(seed);
        let random = &mut random.uniform;
        (0..SLATES)
            .map(|_| {
                let at = random.random_range(0..self.cases.len());
                let case = &self.cases[at];
                let slate = &case.shown[random.random_range(0..case.shown.len())];
                let utilities: Vec<f64> = slate.iter().map(|at| case.utilities[*at]).collect();
                let chances = chances(&utilities, self.one_pick);
                let taken = if self.one_pick {
                    let mut left = random.random::<f64>();
                    let pick = chances.iter().position(|chance| {
                        left -= chance;
                        left < 0.0
                    });
                    (0..LENGTH).map(|at| Some(at) == pick).collect()
                } else {
                    chances
                        .iter()
                        .map(|chance| random.random::<f64>() < *chance)
                        .collect()
                };
                (at, slate.as_slice(), taken)
            })
            .collect()
    }

    fn slate_records(&self, seed: u64, expected: &[f64]) -> Vec<SlateRecord> {
        let record = |(at, slate, taken): (usize, &[usize], Vec<bool>)| {
            let case = &self.cases[at];
            let share = |shares: &HashMap<Vec<usize>, f64>| shares.get(slate).copied();
            SlateRecord {
                logged: share(&case.logged).unwrap_or(1.0 / REPLAYS as f64),
                target: share(&case.target).unwrap_or(0.0),
                reward: taken.iter().map(|taken| f64::from(u8::from(*taken))).sum(),
                predicted: self.of_slate(&case.predicted, slate),
                predicted_target: expected[at],
            }
        };
        self.log(seed).into_iter().map(record).collect()
    }

    fn feed_records(&self, seed: u64) -> Vec<FeedRecord> {
        let record = |(at, slate, taken): (usize, &[usize], Vec<bool>)| {
            let case = &self.cases[at];
            let predicted: Vec<f64> = case.predicted.iter().map(|u| logistic(*u)).collect();
            let item = |(at, taken): (&usize, bool)| ItemRecord {
                logged: case.logged_items[*at].max(1.0 / REPLAYS as f64),
                target: case.target_items[*at],
                reward: f64::from(u8::from(taken)),
                predicted: predicted[*at],
            };
            FeedRecord {
                items: slate.iter().zip(taken).map(item).collect(),
                predicted_target: predicted
                    .iter()
                    .zip(&case.target_items)
                    .map(|(p, t)| p * t)
                    .sum(),
            }
        };
        self.log(seed).into_iter().map(record).collect()
    }
}

/// The mean over logs of the estimate and of its relative error, and the share of intervals that
/// cover the truth.
fn judge(estimates: &[Estimate], truth: f64) -> (f64, f64, f64) {
    let count = estimates.len() as f64;
    let mean = estimates.iter().map(|one| one.value).sum::<f64>() / count;
    let errors: f64 = estimates
        .iter()
        .map(|one| (one.value / truth - 1.0).abs())
        .sum();
    let covering = estimates
        .iter()
        .filter(|one| (one.low..=one.high).contains(&truth))
        .count();
    (mean, errors / count, covering as f64 / count)
}

#[test]
fn estimates_on_whole_slates_hold_for_one_pick_a_slate() {
    let world = World::new(true);
    let (truth, expected) = (world.truth(), world.expected());
    let all: Vec<Estimates> = (0..LOGS as u64)
        .map(|seed| whole_slates(&world.slate_records(seed, &expected), 0.0).unwrap())
        .collect();
    let of = |which: fn(&Estimates) -> Estimate| {
        judge(&all.iter().map(which).collect::<Vec<_>>(), truth)
    };
    let (mean, error, coverage) = of(|all| all.doubly_robust);
    assert!(
        (mean / truth - 1.0).abs() < 0.002 && error < 0.01,
        "{mean} {truth} {error}"
    );
    assert!((0.90..=0.98).contains(&coverage), "{coverage}");
    for which in [|all: &Estimates| all.ips, |all: &Estimates| all.snips] {
        let (mean, _, coverage) = of(which);
        assert!((mean / truth - 1.0).abs() < 0.01, "{mean} {truth}");
        assert!((0.90..=0.98).contains(&coverage), "{coverage}");
    }
    assert!(
        all.iter()
            .all(|all| all.effective_samples < SLATES as f64 * 0.95)
    );
}

#[test]
fn estimates_item_by_item_hold_for_independent_clicks() {
    let world = World::new(false);
    let truth = world.truth();
    let all: Vec<Estimates> = (0..LOGS as u64)
        .map(|seed| independent_items(&world.feed_records(seed), 0.0).unwrap())
        .collect();
    for which in [
        |all: &Estimates| all.doubly_robust,
        |all: &Estimates| all.ips,
        |all: &Estimates| all.snips,
    ] {
        let (mean, error, coverage) = judge(&all.iter().map(which).collect::<Vec<_>>(), truth);
        assert!(
            (mean / truth - 1.0).abs() < 0.002 && error < 0.01,
            "{mean} {truth} {error}"
        );
        assert!((0.90..=0.98).contains(&coverage), "{coverage}");
    }
}

#[test]
fn estimates_item_by_item_miss_where_one_is_picked() {
    let world = World::new(true);
    let truth = world.truth();
    let all: Vec<Estimate> = (0..20)
        .map(|seed| {
            independent_items(&world.feed_records(seed), 0.0)
                .unwrap()
                .ips
        })
        .collect();
    let (mean, _, coverage) = judge(&all, truth);
    assert!(
        (mean / truth - 1.0).abs() > 0.03 && coverage == 0.0,
        "{mean} {truth} {coverage}"
    );
}

#[test]
fn equal_propensities_that_were_not_miss() {
    let world = World::new(true);
    let (truth, expected) = (world.truth(), world.expected());
    let all: Vec<Estimates> = (0..20)
        .map(|seed| {
            let mut records = world.slate_records(seed, &expected);
            for record in &mut records {
                // 8 over 3: as if every set were as probable as any other.
                record.logged = 1.0 / 56.0;
            }
            whole_slates(&records, 0.0).unwrap()
        })
        .collect();
    let (mean, _, coverage) = judge(&all.iter().map(|all| all.ips).collect::<Vec<_>>(), truth);
    assert!(
        (mean / truth - 1.0).abs() > 0.2 && coverage == 0.0,
        "{mean} {truth}"
    );
    let (_, _, coverage) = judge(
        &all.iter().map(|all| all.doubly_robust).collect::<Vec<_>>(),
        truth,
    );
    assert!(coverage < 0.8, "{coverage}");
}

#[test]
fn a_log_that_says_too_little_is_refused() {
    let record = SlateRecord {
        logged: 0.5,
        target: 0.5,
        reward: 1.0,
        predicted: 0.5,
        predicted_target: 0.5,
    };
    let mut records = vec![record; 49];
    assert!(matches!(
        whole_slates(&records, 0.0),
        Err(OffPolicyError::TooFewEffective { effective, .. }) if (effective - 49.0).abs() < 1e-9
    ));
    records.resize(5000, record);
    assert!(whole_slates(&records, 0.0).is_ok());
    // One slate that weighs as much as all others together.
    records[0].logged = 1e-6;
    assert!(whole_slates(&records, 0.0).is_err());
    records[0].logged = 0.0;
    assert!(matches!(
        whole_slates(&records, 0.0),
        Err(OffPolicyError::Record { at: 0, .. })
    ));
    assert!(whole_slates(&[], 0.0).is_err());
    assert!(independent_items(&[], 0.0).is_err());
    records[0] = SlateRecord {
        reward: f64::NAN,
        ..record
    };
    assert!(whole_slates(&records, 0.0).is_err());
}

#[test]
fn estimates_match_a_table_made_by_hand() {
    // Importances 2 and ½, fifty of each; rewards 1 and 0.
    let record = |target, reward| SlateRecord {
        logged: 0.4,
        target,
        reward,
        predicted: 0.5,
        predicted_target: 0.6,
    };
    let mut records = vec![record(0.8, 1.0); 50];
    records.extend(vec![record(0.2, 0.0); 50]);
    let found = whole_slates(&records, 0.0).unwrap();
    assert!((found.ips.value - 1.0).abs() < 1e-12);
    assert!((found.snips.value - 0.8).abs() < 1e-12);
    // 0.6 + 2 · ½ and 0.6 − ½ · ½.
    assert!((found.doubly_robust.value - 0.5 * (1.6 + 0.35)).abs() < 1e-12);
    // 125² / 212.5.
    assert!((found.effective_samples - 73.529_411_764_7).abs() < 1e-6);
    let half = 1.959_963_985 * (100.0_f64 / 99.0 / 100.0).sqrt();
    assert!((found.ips.high - found.ips.value - half).abs() < 1e-6);
}
