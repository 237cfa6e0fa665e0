use std::ops::ControlFlow;

use proptest::prelude::*;

use super::super::matrix::Repeats;
use super::*;

const GOES_ON: fn(f32) -> ControlFlow<()> = |_| ControlFlow::Continue(());

fn table(users: usize, items: usize, pairs: &[(u32, u32)]) -> Interactions {
    let triplets = pairs.iter().map(|(user, item)| (*user, *item, 1.0));
    let triplets: Vec<_> = triplets.collect();
    Interactions::from_triplets(users, items, triplets, Repeats::Max).unwrap()
}

fn settings(ridge: f32, lasso: f32) -> SlimSettings {
    SlimSettings {
        ridge,
        lasso,
        ..SlimSettings::default()
    }
}

/// The weights come from scikit-learn's `ElasticNet(positive=True)`, one target at a time.
#[test]
fn the_weights_are_those_that_scikit_learn_gives() {
    let pairs = [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
        (1, 2),
        (2, 1),
        (2, 2),
        (3, 0),
        (3, 3),
        (4, 2),
        (4, 3),
        (5, 0),
        (5, 1),
    ];
    let wanted = [
        [0.0, 0.542_373, 0.0, 0.135_593, 0.0],
        [0.622_222, 0.0, 0.4, 0.0, 0.0],
        [0.0, 0.359_322, 0.0, 0.189_831, 0.0],
        [0.32, 0.0, 0.32, 0.0, 0.0],
        [0.0; 5],
    ];

    let weights = fit(&table(6, 5, &pairs), &settings(0.5, 0.2), &mut { GOES_ON }).unwrap();

    for (source, row) in (0..).zip(wanted) {
        for (target, wanted) in (0..).zip(row) {
            let got = weights.weight(source, target);
            assert!((got - wanted).abs() < 2e-4, "{source} for {target}: {got}");
        }
    }
}

#[test]
fn items_that_nobody_takes_together_have_no_weights() {
    let pairs = [(0, 0), (1, 1), (2, 2), (0, 2)];

    let weights = fit(&table(3, 3, &pairs), &settings(1.0, 1.0), &mut { GOES_ON }).unwrap();

    let all = (0..3).flat_map(|source| (0..3).map(move |target| (source, target)));
    assert!(all.into_iter().all(|(a, b)| weights.weight(a, b) == 0.0));
}

#[test]
fn the_training_can_be_stopped() {
    let pairs = [(0, 0), (0, 1), (1, 0), (1, 1)];

    let stopped = fit(&table(2, 2, &pairs), &settings(1.0, 0.5), &mut |_| {
        ControlFlow::Break(())
    });

    assert_eq!(stopped, Err(Stopped));
}

proptest! {
    /// The conditions of Karush, Kuhn and Tucker: the slope of the objective is 0 where there is a
    /// weight, and not below 0 where there is none.
    #[test]
    fn no_weight_can_be_made_better(
        pairs in prop::collection::vec((0_u32..12, 0_u32..10), 1..80),
        ridge in 0.2_f32..5.0,
        lasso in 0.1_f32..2.0,
    ) {
        let table = table(12, 10, &pairs);

        let weights = fit(&table, &settings(ridge, lasso), &mut { GOES_ON }).unwrap();

        let taken = |item: u32| -> Vec<f64> {
            let of = |user| table.row(user).0.contains(&item);
            (0..12).map(|user| f64::from(u8::from(of(user)))).collect()
        };
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        for target in 0..10_u32 {
            let own = taken(target);
            let mut left = own.clone();
            for source in 0..10 {
                let weight = f64::from(weights.weight(source, target));
                for (left, taken) in left.iter_mut().zip(taken(source)) {
                    *left -= weight * taken;
                }
            }
            for source in (0..10_u32).filter(|source| *source != target) {
                let weight = f64::from(weights.weight(source, target));
                let pull = dot(&taken(source), &left);
                let slope = f64::from(ridge) * weight + f64::from(lasso) - pull;
                prop_assert!(weight >= 0.0 && slope > -0.02, "{source} for {target}: {slope}");
                prop_assert!(weight == 0.0 || slope < 0.02, "{source} for {target}: {slope}");
            }
            prop_assert_eq!(weights.weight(target, target), 0.0);
        }
    }

    #[test]
    fn the_order_of_the_users_does_not_matter(
        pairs in prop::collection::vec((0_u32..12, 0_u32..10), 1..60),
        turn in 0_u32..12,
    ) {
        let turned: Vec<_> = pairs.iter().map(|(user, item)| ((user + turn) % 12, *item)).collect();
        let weights = |pairs: &[(u32, u32)]| {
            fit(&table(12, 10, pairs), &settings(1.0, 0.5), &mut { GOES_ON }).unwrap()
        };

        prop_assert_eq!(weights(&pairs), weights(&turned));
    }
}
