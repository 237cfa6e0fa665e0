use std::ops::ControlFlow;

use super::super::matrix::Repeats;
use super::*;

const GOES_ON: fn(f32) -> ControlFlow<()> = |_| ControlFlow::Continue(());

fn small() -> Interactions {
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
    ];
    let triplets = pairs.map(|(user, item)| (user, item, 1.0));
    // A fifth item that nobody took.
    Interactions::from_triplets(5, 5, triplets, Repeats::Max).unwrap()
}

/// The weights come from numpy's `svd` and the formula of the paper.
#[test]
fn the_filters_are_those_that_numpy_gives() {
    let settings = SpectralSettings {
        vectors: 2,
        ..SpectralSettings::default()
    };
    let wanted = [
        [0.082_255_8, 0.366_294, 0.193_366_9, 0.251_096_4],
        [0.366_294, 0.184_342_6, 0.366_294, -0.061_375],
        [0.193_366_9, 0.366_294, 0.082_255_8, 0.251_096_4],
        [0.274_582_5, -0.092_062_6, 0.274_582_5, 0.251_145_9],
    ];

    let filters = fit(&small(), &settings, &mut { GOES_ON }).unwrap();

    for (source, row) in (0..).zip(wanted) {
        let mut scores = vec![0.0; 5];
        filters.add_scores(&[(source, 2.0)], &mut scores);
        for (target, wanted) in (0..).zip(row) {
            let got = filters.weight(source, target);
            assert!((got - wanted).abs() < 1e-5, "{source} for {target}: {got}");
            let score = scores[target as usize];
            assert!((score - 2.0 * wanted).abs() < 1e-5, "{source}: {score}");
        }
        assert_eq!((filters.weight(source, 4), scores[4]), (0.0, 0.0));
    }
    assert_eq!(filters.weight(4, 0), 0.0);
}

#[test]
fn more_vectors_than_there_are_change_nothing() {
    let with = |vectors| {
        let settings = SpectralSettings {
            vectors,
            ..SpectralSettings::default()
        };
        fit(&small(), &settings, &mut { GOES_ON }).unwrap()
    };

    let (some, many) = (with(5), with(1024));

    for source in 0..5 {
        for target in 0..5 {
            assert_eq!(some.weight(source, target), many.weight(source, target));
        }
    }
}

#[test]
fn training_stops_when_it_is_asked_to() {
    for stop in 1..=1 + ITERATIONS {
        let mut asked = 0;
        let outcome = fit(&small(), &SpectralSettings::default(), &mut |_| {
            asked += 1;
            if asked < stop {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        assert_eq!((outcome.unwrap_err(), asked), (Stopped, stop));
    }
}
