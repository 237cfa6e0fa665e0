use proptest::prelude::*;

use super::*;

const TRIPLETS: [(u32, u32, f32); 4] = [(1, 2, 1.0), (0, 1, 2.0), (1, 0, 3.0), (1, 2, 4.0)];

#[test]
fn rows_are_sorted_and_the_largest_of_repeats_stays() {
    let table = Interactions::from_triplets(3, 3, TRIPLETS, Repeats::Max).unwrap();

    assert_eq!(table.row(0), (&[1][..], &[2.0][..]));
    assert_eq!(table.row(1), (&[0, 2][..], &[3.0, 4.0][..]));
    assert_eq!(table.row(2), (&[][..], &[][..]));
    assert_eq!(table.len(), 3);
}

#[test]
fn repeats_are_added_up_where_they_count() {
    let table = Interactions::from_triplets(2, 3, TRIPLETS, Repeats::Sum).unwrap();

    assert_eq!(table.row(1), (&[0, 2][..], &[3.0, 5.0][..]));
}

#[test]
fn a_triplet_outside_the_table_is_refused() {
    let error = Interactions::from_triplets(2, 2, [(0, 2, 1.0)], Repeats::Max).unwrap_err();

    assert_eq!(
        error,
        MatrixError::Outside {
            row: 0,
            column: 2,
            rows: 2,
            columns: 2
        }
    );
}

#[test]
fn a_weight_that_is_no_positive_finite_number_is_refused() {
    for weight in [0.0, -1.0, f32::INFINITY, f32::NAN] {
        let built = Interactions::from_triplets(1, 1, [(0, 0, weight)], Repeats::Max);
        assert!(matches!(built, Err(MatrixError::Weight { .. })), "{weight}");
    }
}

#[test]
fn numbers_that_do_not_fill_a_matrix_are_refused() {
    assert!(Matrix::from_values(2, 2, vec![1.0; 3]).is_err());
    assert!(Matrix::from_values(usize::MAX, 2, vec![]).is_err());
}

proptest! {
    #[test]
    fn shuffling_the_triplets_never_changes_the_table(
        (triplets, shuffled) in
            prop::collection::vec((0_u32..9, 0_u32..9, 0.1_f32..3.0), 0..200)
                .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        for repeats in [Repeats::Max, Repeats::Sum] {
            prop_assert_eq!(
                Interactions::from_triplets(9, 9, triplets.iter().copied(), repeats),
                Interactions::from_triplets(9, 9, shuffled.iter().copied(), repeats)
            );
        }
    }

    #[test]
    fn transposing_twice_changes_nothing(
        triplets in prop::collection::vec((0_u32..7, 0_u32..12, 0.1_f32..3.0), 0..100),
    ) {
        let table = Interactions::from_triplets(7, 12, triplets, Repeats::Sum).unwrap();
        let turned = table.transpose();

        prop_assert_eq!((turned.rows(), turned.columns()), (12, 7));
        prop_assert_eq!(turned.transpose(), table);
    }
}

#[test]
fn of_repeats_the_latest_known_time_stays_whatever_their_order() {
    let at = |weight, time| Entry {
        item: 1,
        weight,
        time,
    };
    let events = [
        (0, at(2.0, Some(5))),
        (0, at(1.0, Some(9))),
        (0, at(3.0, None)),
        (1, at(1.0, None)),
    ];
    let mut reversed = events;
    reversed.reverse();

    let table = Interactions::from_events(2, 2, events, Repeats::Max).unwrap();

    assert!(table.has_times());
    assert!(table.entries(0).eq([at(3.0, Some(9))]));
    assert!(table.entries(1).eq([at(1.0, None)]));
    let again = Interactions::from_events(2, 2, reversed, Repeats::Max).unwrap();
    assert_eq!(table, again);
    let copy = Interactions::from_events(2, 2, table.events(), Repeats::Max).unwrap();
    assert_eq!(table, copy);
    let plain = Interactions::from_triplets(2, 2, table.triplets(), Repeats::Max).unwrap();
    assert!(!plain.has_times() && plain != table);
}
