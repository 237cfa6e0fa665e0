use std::ops::ControlFlow;

use proptest::prelude::*;

use super::super::matrix::{Entry, Repeats};
use super::*;

const GOES_ON: fn(f32) -> ControlFlow<()> = |_| ControlFlow::Continue(());

/// A table of the items that each user took, one a minute.
fn histories(of_users: &[&[u32]], items: usize) -> Interactions {
    let events = (0_u32..).zip(of_users).flat_map(|(user, history)| {
        (0_i64..).zip(*history).map(move |(minute, item)| {
            let entry = Entry {
                item: *item,
                weight: 1.0,
                time: Some(60 * minute),
            };
            (user, entry)
        })
    });
    Interactions::from_events(of_users.len(), items, events, Repeats::Max).unwrap()
}

fn small() -> Interactions {
    histories(
        &[
            &[0, 1, 2, 3],
            &[1, 2, 3],
            &[0, 2, 1],
            &[3, 0, 1, 2],
            &[2, 3],
        ],
        4,
    )
}

fn trained(table: &Interactions, settings: &SequentialSettings) -> ItemWeights {
    fit(table, settings, &mut { GOES_ON }).unwrap()
}

fn assert_weights(weights: &ItemWeights, wanted: [[f32; 4]; 4]) {
    for (source, row) in (0..).zip(wanted) {
        for (target, wanted) in (0..).zip(row) {
            let got = weights.weight(source, target);
            // Half precision keeps three digits.
            assert!((got - wanted).abs() < 3e-4, "{source} for {target}: {got}");
        }
    }
}

/// The weights come from writing every step of every history down as a row of `S` and of `T`, and
/// numpy's `inv`.
#[test]
fn the_weights_are_those_of_writing_every_step_down() {
    let slit = SequentialSettings {
        regularisation: 2.0,
        source_half_life: 3.0,
        target_half_life: 1.0,
        ..SequentialSettings::default()
    };
    let slist = SequentialSettings {
        regularisation: 1.0,
        source_half_life: 2.0,
        target_half_life: 2.0,
        together: 0.4,
        ..SequentialSettings::default()
    };

    assert_weights(
        &trained(&small(), &slit),
        [
            [-0.045_652_7, 0.450_294_6, 0.397_835, 0.015_275_4],
            [-0.015_254_3, -0.199_631_1, 0.383_212_7, 0.308_402_3],
            [0.014_868_1, 0.112_638, -0.195_782_4, 0.414_782_5],
            [0.265_388_8, 0.207_835_4, 0.129_313_9, -0.053_154_5],
        ],
    );
    assert_weights(
        &trained(&small(), &slist),
        [
            [0.0, 0.504_749_8, 0.418_15, 0.001_222_1],
            [0.108_399_8, 0.0, 0.381_913_5, 0.348_014_7],
            [0.083_462_2, 0.138_031_8, 0.0, 0.471_393_4],
            [0.302_427_6, 0.302_097_7, 0.363_424_8, 0.0],
        ],
    );
}

#[test]
fn across_several_blocks_what_always_comes_next_is_what_is_expected() {
    // 300 items in a circle, which everybody walks along for a while.
    let walks: Vec<Vec<u32>> = (0..900_u32)
        .map(|user| (0..6).map(|step| (user * 7 + step) % 300).collect())
        .collect();
    let walks: Vec<&[u32]> = walks.iter().map(Vec::as_slice).collect();
    let settings = SequentialSettings {
        regularisation: 1.0,
        source_half_life: 0.5,
        target_half_life: 0.5,
        ..SequentialSettings::default()
    };

    for together in [0.0, 0.2] {
        let settings = SequentialSettings {
            together,
            ..settings.clone()
        };
        let weights = trained(&histories(&walks, 300), &settings);
        for item in 0..300 {
            let mut scores = vec![0.0; 300];
            weights.add_scores(&[(item, 1.0)], &mut scores);
            let best = super::super::top::best(&scores, 1, &[item])[0].0;
            assert_eq!(best, (item + 1) % 300, "after {item}");
        }
    }
}

#[test]
fn without_times_or_among_equal_ones_there_is_no_order_to_learn() {
    let pairs = [(0, 0, 1.0), (0, 1, 1.0), (1, 1, 1.0)];
    let untimed = Interactions::from_triplets(2, 2, pairs, Repeats::Max).unwrap();
    let settings = SequentialSettings::default();

    let weights = trained(&untimed, &settings);
    assert_eq!(weights.weight(0, 1), 0.0);

    let at_once = |item| {
        let entry = Entry {
            item,
            weight: 1.0,
            time: Some(7),
        };
        (0, entry)
    };
    let events = [at_once(0), at_once(1)];
    let at_once = Interactions::from_events(1, 2, events, Repeats::Max).unwrap();
    assert_eq!(trained(&at_once, &settings).weight(0, 1), 0.0);
}

#[test]
fn items_past_the_most_taken_have_no_weights() {
    let settings = SequentialSettings {
        most_items: 2,
        ..SequentialSettings::default()
    };

    let weights = trained(&small(), &settings);

    assert!(weights.weight(1, 2) > 0.0);
    assert_eq!(weights.weight(0, 1), 0.0);
    assert_eq!(weights.weight(1, 3), 0.0);
}

#[test]
fn training_stops_whenever_it_is_asked_to() {
    let mut asked = 0;
    let mut count = |_| {
        asked += 1;
        ControlFlow::Continue(())
    };
    fit(&small(), &SequentialSettings::default(), &mut count).unwrap();
    for stop in 1..=asked {
        let mut left = stop;
        let outcome = fit(&small(), &SequentialSettings::default(), &mut |_| {
            left -= 1;
            if left == 0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        assert_eq!((outcome.unwrap_err(), left), (Stopped, 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_order_of_the_rows_and_the_number_of_threads_never_show(
        (events, shuffled) in prop::collection::vec((0_u32..9, 0_u32..7, 0_i64..5), 1..50)
            .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        let with = |events: &[(u32, u32, i64)], threads| {
            let events = events.iter().map(|&(user, item, time)| {
                (user, Entry { item, weight: 1.0, time: Some(time) })
            });
            let table = Interactions::from_events(9, 7, events, Repeats::Max).unwrap();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.unwrap().install(|| trained(&table, &SequentialSettings::default()))
        };
        prop_assert_eq!(with(&events, 1), with(&shuffled, 2));
    }
}
