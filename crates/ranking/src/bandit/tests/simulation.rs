//! The gates on regret.

use super::super::simulation::*;
use super::super::*;

fn one_pick() -> Scenario {
    Scenario::all().remove(0)
}

#[test]
fn a_seed_gives_the_same_regret_and_the_table_says_mean_and_error() {
    let scenario = Scenario {
        rounds: 60,
        ..one_pick()
    };
    for policy in Policy::all() {
        assert_eq!(
            regrets(&scenario, &policy, 3),
            regrets(&scenario, &policy, 3)
        );
        assert!(
            regrets(&scenario, &policy, 3)
                .iter()
                .all(|regret| *regret >= -1e-12)
        );
    }
    let table = compare(&[scenario], &[Policy::Random], 4);
    let cell = table.rows[0].1[0];
    assert!(cell.mean > 0.0 && cell.error > 0.0);
    let text = table.to_string();
    assert!(
        text.starts_with("| policy | one pick |") && text.contains("| random |"),
        "{text}"
    );
    let two = Cell::of(&[1.0, 3.0]);
    assert_eq!((two.mean, two.error), (2.0, 1.0));
}

/// Regret of 5,000 rounds in worlds that the default sampler can describe.
#[test]
fn regret_grows_ever_more_slowly() {
    let scenario = Scenario {
        rounds: 5000,
        batch: 25,
        taste: Taste::Smooth,
        ..one_pick()
    };
    let (mut first, mut second) = (0.0, 0.0);
    for seed in 0..4 {
        let policy = Policy::Ours("ours", Settings::logistic());
        let regrets = regrets(&scenario, &policy, seed);
        first += regrets[..2500].iter().sum::<f64>();
        second += regrets[2500..].iter().sum::<f64>();
    }
    assert!(second <= 0.35 * first, "{second} after {first}");
}

#[test]
fn ours_has_less_regret_than_the_others() {
    let scenario = Scenario {
        rounds: 600,
        ..one_pick()
    };
    let table = compare(&[scenario], &Policy::all(), 8);
    let of = |name: &str| table.rows.iter().find(|row| row.0 == name).unwrap().1[0].mean;
    let ours = of("ours, logistic").min(of("ours, softmax"));
    for other in [
        "random",
        "greedy",
        "ε-greedy",
        "LinUCB",
        "linear Thompson",
        "original formulation",
    ] {
        assert!(ours < of(other), "{ours} {table}");
    }
}
