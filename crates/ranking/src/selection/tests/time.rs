//! Holding out by time.

use super::*;

fn timed(entries: &[(u32, u32, Option<i64>)]) -> Interactions {
    let event = |&(user, item, time): &(u32, u32, Option<i64>)| {
        let entry = Entry {
            item,
            weight: 1.0,
            time,
        };
        (user, entry)
    };
    Interactions::from_events(3, 10, entries.iter().map(event), Repeats::Max).unwrap()
}

#[test]
fn the_latest_entries_of_each_user_are_held_out() {
    let mut entries: Vec<_> = (0..10)
        .map(|item| (0, item, Some(i64::from(9 - item))))
        .collect();
    // Who has one entry keeps it; what has no time comes first.
    entries.extend([(1, 4, Some(3)), (2, 1, None), (2, 2, Some(1))]);
    let table = timed(&entries);

    let fold = Fold::latest(&table, 0.2, 0).unwrap();
    assert_eq!(fold.held_out(0), [0, 1]);
    assert_eq!(fold.seen().row(0).0, [2, 3, 4, 5, 6, 7, 8, 9]);
    assert!(fold.held_out(1).is_empty());
    assert_eq!(fold.held_out(2), [2]);
    assert!(fold.seen().has_times());

    let earlier = Fold::latest(&table, 0.2, 1).unwrap();
    assert_eq!(earlier.held_out(0), [2, 3]);
    assert_eq!(earlier.seen().row(0).0, [4, 5, 6, 7, 8, 9]);
}
