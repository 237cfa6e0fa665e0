//! The search on the lattice.

use proptest::prelude::*;

use super::super::lattice::{Axis, Position, Search};

fn climb(axes: Vec<Axis>, quality: impl Fn(&Position) -> f64) -> (Position, Vec<Position>) {
    let mut search = Search::new(axes);
    let mut tried: Vec<Position> = Vec::new();
    while let Some(at) = search.next() {
        assert!(!tried.contains(&at), "{at:?} is tried twice");
        tried.push(at.clone());
        let quality = quality(&at);
        search.record(at, quality);
    }
    assert_eq!(search.tried(), tried.len());
    (search.best().unwrap().0.clone(), tried)
}

#[test]
fn a_regularisation_travels_from_320_to_40_in_few_trials() {
    // In half octaves: 2^(16.64/2) = 320 and 2^(10.64/2) = 40, with a dropout beside it.
    let axes = vec![Axis::new(-4, 30, 17, 2), Axis::new(0, 9, 3, 2)];
    let (best, tried) = climb(axes, |at| -f64::from((at[0] - 11).abs()) / 10.0);

    assert_eq!(best[0], 11);
    let arrived = tried.iter().position(|at| at[0] == 11).unwrap();
    assert!(arrived <= 6, "{tried:?}");
}

#[test]
fn what_is_fixed_is_not_moved_and_the_ends_of_a_range_are_tried_once() {
    let axes = vec![Axis::fixed(3), Axis::new(0, 5, 4, 2)];
    let (best, tried) = climb(axes, |at| f64::from(at[1]));

    assert_eq!(best, [3, 5]);
    assert!(
        tried
            .iter()
            .all(|at| at[0] == 3 && (0..=5).contains(&at[1]))
    );
}

proptest! {
    #[test]
    fn a_search_finds_the_top_of_a_hill_and_tries_no_position_twice(
        x in -9..9_i32, y in -9..9_i32, step in 1..4_i32,
    ) {
        let axes = vec![Axis::new(-9, 9, 0, step), Axis::new(-9, 9, 2, step)];
        let (best, tried) = climb(axes, |at| -f64::from((at[0] - x).abs() + (at[1] - y).abs()));
        prop_assert_eq!(best, vec![x, y]);
        prop_assert!(tried.len() <= 40, "{}", tried.len());
    }
}
