//! What is drawn, ranked and counted.

use super::super::propensity::{Columns, Selection};
use super::super::random::Normals;
use super::super::*;
use super::{both, context, slates};
use rand::RngExt;

/// A bandit of some experience, with draws of a posterior deviation.
fn experienced(mut settings: Settings) -> Bandit {
    settings.exploration = 1.0;
    let mut bandit = Bandit::new(settings, 1).unwrap();
    bandit.update_all(slates(1, 80, 5)).unwrap();
    bandit
}

fn candidates(random: &mut Normals, count: usize) -> Vec<(u32, Signals)> {
    (0..count as u32)
        .map(|id| (id, [(); SIGNALS].map(|()| random.uniform.random())))
        .collect()
}

/// The covariance of samples.
fn covariance(samples: &[Signals]) -> [Signals; SIGNALS] {
    let count = samples.len() as f64;
    let mut mean = [0.0; SIGNALS];
    for sample in samples {
        for (mean, value) in mean.iter_mut().zip(sample) {
            *mean += value / count;
        }
    }
    let mut out = [[0.0; SIGNALS]; SIGNALS];
    for sample in samples {
        for a in 0..SIGNALS {
            for b in 0..SIGNALS {
                out[a][b] += (sample[a] - mean[a]) * (sample[b] - mean[b]) / count;
            }
        }
    }
    out
}

fn assert_same_covariance(found: &[Signals; SIGNALS], expected: &[Signals; SIGNALS]) {
    for a in 0..SIGNALS {
        for b in 0..SIGNALS {
            let scale = (expected[a][a] * expected[b][b]).sqrt();
            let (found, expected) = (found[a][b], expected[a][b]);
            assert!(
                (found - expected).abs() <= 0.02 * scale,
                "{a} {b}: {found} {expected}"
            );
        }
    }
}

#[test]
fn the_logistic_sampler_draws_with_the_covariance_of_its_posterior() {
    let bandit = experienced(Settings::logistic());
    let mut random = Normals::new(2);
    let context = context(&mut random);
    let size = bandit.posterior.mean.len();
    let precision = &bandit.posterior.precision;
    let phi: Vec<f64> = std::iter::once(1.0).chain(context.cyclic(1)).collect();
    // The columns of B, one a signal, and A⁻¹ B by conjugate gradients, which end within 56 steps.
    let place = |signal: usize| {
        let mut out = vec![0.0; size];
        out[(signal + 1) * phi.len()..][..phi.len()].copy_from_slice(&phi);
        out
    };
    let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    let solve = |b: &[f64]| {
        let (mut x, mut rest, mut direction) = (vec![0.0; size], b.to_vec(), b.to_vec());
        for _ in 0..400 {
            let curved: Vec<f64> = precision
                .chunks(size)
                .map(|row| dot(row, &direction))
                .collect();
            let (before, along) = (dot(&rest, &rest), dot(&direction, &curved));
            if before < 1e-24 {
                break;
            }
            for at in 0..size {
                x[at] += before / along * direction[at];
                rest[at] -= before / along * curved[at];
            }
            let keep = dot(&rest, &rest) / before;
            for at in 0..size {
                direction[at] = rest[at] + keep * direction[at];
            }
        }
        x
    };
    let mut expected = [[0.0; SIGNALS]; SIGNALS];
    for (a, row) in expected.iter_mut().enumerate() {
        let solved = solve(&place(a));
        for (b, entry) in row.iter_mut().enumerate() {
            *entry = dot(&solved, &place(b));
        }
    }
    let samples = bandit.weight_samples(&context, 100_000, 3);
    assert_same_covariance(&covariance(&samples), &expected);
    for (weight, (at, row)) in bandit
        .weights(&context)
        .iter()
        .zip(expected.iter().enumerate())
    {
        assert!((weight.deviation - row[at].sqrt()).abs() < 1e-9);
    }
}

#[test]
fn the_softmax_sampler_draws_with_the_deviations_of_its_logits() {
    let bandit = experienced(Settings::softmax());
    let settings = bandit.settings().clone();
    let mut random = Normals::new(4);
    let context = context(&mut random);
    let size = bandit.posterior.mean.len();
    let phi: Vec<f64> = std::iter::once(1.0).chain(context.one_hot(1)).collect();
    let variances: Vec<f64> = (1..=SIGNALS)
        .map(|row| {
            let terms = phi.iter().enumerate().map(|(at, f)| {
                f * f / bandit.posterior.precision[(row * phi.len() + at) * (size + 1)]
            });
            terms.sum()
        })
        .collect();
    // Weights give logits but for what is added to all: those less the first.
    let logits = |weights: &Signals| {
        let share = settings.uniform_share;
        let logit =
            |w: f64| settings.temperature * ((w - share / SIGNALS as f64) / (1.0 - share)).ln();
        let mut out = weights.map(|weight| logit(weight) - logit(weights[0]));
        out[0] = 0.0;
        out
    };
    let samples = bandit.weight_samples(&context, 100_000, 5);
    let samples: Vec<Signals> = samples.iter().map(logits).collect();
    let mut expected = [[variances[0]; SIGNALS]; SIGNALS];
    expected[0] = [0.0; SIGNALS];
    for (at, row) in expected.iter_mut().enumerate() {
        row[0] = 0.0;
        if at > 0 {
            row[at] += variances[at];
        }
    }
    assert_same_covariance(&covariance(&samples), &expected);
}

#[test]
fn weights_of_the_softmax_sampler_stay_in_their_range() {
    let mut settings = Settings::softmax();
    settings.exploration = 10.0;
    let share = settings.uniform_share;
    let bandit = Bandit::new(settings, 1).unwrap();
    let mut random = Normals::new(6);
    for weights in bandit.weight_samples(&context(&mut random), 1000, 7) {
        let range = share / 6.0 - 1e-12..=1.0 - share + share / 6.0 + 1e-12;
        assert!(weights.iter().all(|weight| range.contains(weight)));
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
}

#[test]
fn weights_begin_at_those_wanted() {
    let mut settings = Settings::softmax();
    settings.exploration = 0.0;
    let wanted = settings.wanted;
    let bandit = Bandit::new(settings, 1).unwrap();
    let mut random = Normals::new(8);
    for (weight, wanted) in bandit
        .draw(&context(&mut random), 1)
        .weights
        .iter()
        .zip(wanted)
    {
        assert!((weight - wanted).abs() < 1e-3, "{weight} {wanted}");
    }
}

#[test]
fn the_defaults_explore_at_the_start() {
    let settings = Settings::softmax();
    // One feature of each kind counts: slot, weekday, season, channel, and on some days the weekend.
    for active in [4.0, 5.0] {
        let variance =
            settings.weight_deviation.powi(2) + active * settings.context_deviation.powi(2);
        let deviation = settings.exploration * variance.sqrt() / settings.temperature;
        assert!((0.3..=1.0).contains(&deviation), "{deviation}");
    }
}

#[test]
fn the_same_seed_gives_the_same_slate_and_the_order_of_candidates_does_not_matter() {
    for settings in both() {
        let bandit = experienced(settings);
        let mut random = Normals::new(9);
        let context = context(&mut random);
        let mut candidates = candidates(&mut random, 50);
        let (draw, slate) = bandit.rank(&context, &candidates, 10, 11).unwrap();
        candidates.reverse();
        candidates.rotate_left(17);
        let (again, other) = bandit.rank(&context, &candidates, 10, 11).unwrap();
        assert_eq!(draw, again);
        let ids = |slate: &[Ranked<u32>]| slate.iter().map(|item| item.id).collect::<Vec<_>>();
        assert_eq!(ids(&slate), ids(&other));
        for item in &other {
            let (id, signals) = candidates[item.candidate];
            assert_eq!((id, draw.score(&signals)), (item.id, item.score));
        }
        assert!(slate.windows(2).all(|two| two[0].score >= two[1].score));
        assert_ne!(bandit.draw(&context, 12), draw);
    }
}

#[test]
fn ties_go_to_the_smaller_id() {
    let bandit = Bandit::new(Settings::default(), 1).unwrap();
    let mut random = Normals::new(10);
    let context = context(&mut random);
    let candidates: Vec<(&str, Signals)> =
        ["d", "b", "a", "c"].map(|id| (id, [0.5; SIGNALS])).to_vec();
    let (_, slate) = bandit.rank(&context, &candidates, 2, 1).unwrap();
    assert_eq!([slate[0].id, slate[1].id], ["a", "b"]);
    let propensities = bandit
        .propensities(&context, &candidates, 2, 100, 1)
        .unwrap();
    assert_eq!(propensities, [0.0, 1.0, 1.0, 0.0]);
}

#[test]
fn propensities_are_what_plain_replays_count() {
    for settings in both() {
        let bandit = experienced(settings);
        let mut random = Normals::new(12);
        for (count, length) in [
            (1, 1),
            (7, 3),
            (64, 5),
            (65, 64),
            (300, 20),
            (2000, 20),
            (3, 10),
            (5, 0),
        ] {
            let context = context(&mut random);
            let mut candidates = candidates(&mut random, count);
            // Some that tie, and some out of order.
            for at in 1..count / 3 {
                candidates[at].1 = candidates[0].1;
            }
            candidates.reverse();
            let found = bandit
                .propensities(&context, &candidates, length, 200, 13)
                .unwrap();
            let mut expected = vec![0.0; count];
            for weights in bandit.weight_samples(&context, 200, 13) {
                let draw = Draw { seed: 0, weights };
                let mut order: Vec<usize> = (0..count).collect();
                order.sort_by(|a, b| {
                    let score = |at: usize| draw.score(&candidates[at].1);
                    score(*b)
                        .total_cmp(&score(*a))
                        .then(candidates[*a].0.cmp(&candidates[*b].0))
                });
                for at in order.into_iter().take(length) {
                    expected[at] += 1.0 / 200.0;
                }
            }
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-9);
            }
            let sum: f64 = found.iter().sum();
            assert!((sum - length.min(count) as f64).abs() < 1e-6);
        }
    }
}

/// How many scores the propensities of 10,000 candidates take: the work, which is the same on every machine.
#[test]
fn of_a_large_library_few_blocks_are_scored() {
    for settings in [Settings::softmax(), Settings::logistic()] {
        let bandit = Bandit::new(settings, 1).unwrap();
        let mut random = Normals::new(15);
        let context = context(&mut random);
        let candidates = candidates(&mut random, 10_000);
        let columns = Columns::new(candidates.iter().map(|(_, signals)| signals));
        let distribution = bandit.distribution(&context);
        let selection = Selection::new(&columns, distribution.typical(), 10);
        let (mut scored, mut scores) = (0, Vec::new());
        for weights in bandit.weight_samples(&context, 1024, 16) {
            let bound = selection.bound(&weights, &mut scores);
            scored += selection.blocks_reaching(bound, &weights);
        }
        let all = 1024 * 10_000_usize.div_ceil(64);
        assert!(10 * scored < all, "{scored} of {all} blocks");
    }
}

#[test]
fn propensities_are_calibrated() {
    for settings in both() {
        let bandit = experienced(settings);
        let mut random = Normals::new(14);
        let (mut pairs, mut seed) = (Vec::new(), 0);
        for _ in 0..300 {
            let context = context(&mut random);
            let candidates = candidates(&mut random, 30);
            let propensities = bandit
                .propensities(&context, &candidates, 5, 1000, seed)
                .unwrap();
            for _ in 0..20 {
                seed += 1;
                let (_, slate) = bandit
                    .rank(&context, &candidates, 5, 1 << 32 | seed)
                    .unwrap();
                for (at, propensity) in propensities.iter().enumerate() {
                    let shown = slate.iter().any(|item| item.candidate == at);
                    pairs.push((*propensity, f64::from(u8::from(shown))));
                }
            }
        }
        let count = pairs.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / count;
        let (x, y) = (mean(|pair| pair.0), mean(|pair| pair.1));
        let together: f64 = pairs.iter().map(|(a, b)| (a - x) * (b - y)).sum();
        let slope = together / pairs.iter().map(|(a, _)| (a - x).powi(2)).sum::<f64>();
        assert!((0.97..=1.02).contains(&slope), "{slope}");
    }
}

#[test]
fn seeds_of_a_sequence_differ_and_can_be_taken_again() {
    let seeds = |seed: u64| -> Vec<u64> {
        let settings = Settings {
            seed,
            ..Settings::default()
        };
        let mut bandit = Bandit::new(settings, 1).unwrap();
        (0..100).map(|_| bandit.next_seed()).collect()
    };
    assert_eq!(seeds(1), seeds(1));
    let mut all = [seeds(1), seeds(2)].concat();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 200);
}
