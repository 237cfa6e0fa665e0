use super::*;
use crate::history::weights::WeightRow;
use InteractionKind as Kind;
use proptest::prelude::*;

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap()
}

/// The weights that a schema begins with.
pub(crate) fn table() -> WeightTable {
    let row = |(kind, weight, exclude): (Kind, f32, Option<i64>)| WeightRow {
        kind,
        weight,
        half_life: TimeDelta::seconds(600),
        exclude_for: exclude.map(TimeDelta::seconds),
    };
    let rows = [
        (Kind::View, 0.1, Some(0)),
        (Kind::Click, 0.3, Some(0)),
        (Kind::AddToCart, 0.6, Some(0)),
        (Kind::Purchase, 1.0, None),
        (Kind::Like, 0.7, None),
        (Kind::Share, 0.8, Some(0)),
        (Kind::Rating, 1.0, None),
        (Kind::Skip, -0.1, Some(604_800)),
        (Kind::Dislike, -0.7, None),
        (Kind::RemoveFromCart, -0.4, Some(604_800)),
        (Kind::Return, -0.8, None),
    ];
    WeightTable::new(1, DateTime::UNIX_EPOCH, rows.map(row).to_vec()).unwrap()
}

type Done = (Kind, Option<f32>);

/// The state after these events, the first of which happened first.
fn after(events: &[Done]) -> State {
    let table = table();
    let mut built = StateBuilder::default();
    for (second, (kind, stars)) in events.iter().enumerate().rev() {
        built.push(&table, *kind, *stars, at(second as i64));
    }
    built.state(&table).unwrap()
}

fn plain(kinds: &[Kind]) -> State {
    after(&kinds.iter().map(|kind| (*kind, None)).collect::<Vec<_>>())
}

fn rated(stars: f32) -> Done {
    (Kind::Rating, Some(stars))
}

fn close(left: f32, right: f32) -> bool {
    (left - right).abs() < 1e-5
}

#[test]
fn of_ratings_the_last_counts() {
    let state = after(&[rated(5.0), rated(1.0)]);
    assert!(close(state.weight, -0.6), "{state:?}");
    assert!(!state.is_liking());
    assert_eq!(state.stars, Some(1.0));
    let back = after(&[rated(1.0), rated(5.0)]);
    assert!(close(back.weight, 1.0) && back.is_liking());
    assert!(close(after(&[rated(5.0); 40]).weight, 1.0));
}

#[test]
fn of_opposites_the_latest_counts() {
    for (first, second) in [
        (Kind::Like, Kind::Dislike),
        (Kind::Dislike, Kind::Like),
        (Kind::Purchase, Kind::Return),
        (Kind::Return, Kind::Purchase),
        (Kind::AddToCart, Kind::RemoveFromCart),
        (Kind::RemoveFromCart, Kind::AddToCart),
    ] {
        let both = plain(&[first, first, second]);
        assert_eq!(both.weight, plain(&[second]).weight, "{first:?} {second:?}");
        assert_eq!(both.kind, second);
        // And back again it counts as once.
        assert_eq!(
            plain(&[first, second, first]).weight,
            plain(&[first]).weight
        );
    }
}

#[test]
fn what_speaks_against_takes_back_what_it_follows() {
    use Kind::{AddToCart, Click, Dislike, Like, Purchase, RemoveFromCart, Return, Share, View};
    let before = [View, Click, AddToCart, Purchase, Share, Like, Dislike];
    assert!(close(plain(&before).weight, -0.7));
    assert!(close(plain(&[AddToCart, Purchase, Return]).weight, -0.8));
    assert!(close(
        plain(&[AddToCart, RemoveFromCart, Purchase]).weight,
        1.0
    ));
    let one_star = after(&[(Purchase, None), (Like, None), rated(1.0)]);
    assert!(close(one_star.weight, -0.6));
    // What comes afterwards counts again, and what was corrected takes nothing back.
    assert!(close(plain(&[Dislike, View]).weight, -0.6));
    assert!(close(
        after(&[(Like, None), rated(1.0), rated(5.0)]).weight,
        1.7
    ));
    assert!(close(plain(&[Purchase, Dislike, Like]).weight, 1.7));
    assert!(close(after(&[rated(1.0), (Like, None)]).weight, 0.7));
    assert!(close(after(&[(Dislike, None), rated(4.0)]).weight, 0.6));
}

#[test]
fn repeats_flatten_out_below_what_says_more() {
    let views = |count| plain(&vec![Kind::View; count]).weight;
    assert!(close(views(1), 0.1) && close(views(2), 0.15) && close(views(60), 0.2));
    assert!(views(10_000) <= views(60) + 1e-6);
    assert!(views(60) < plain(&[Kind::Click]).weight);
    // Nothing weighs more than the most there is.
    let all = [Kind::Purchase, Kind::Like, Kind::Share, Kind::AddToCart];
    assert!(close(plain(&all.repeat(5)).weight, MOST_WEIGHT));
}

#[test]
fn looking_at_an_item_is_no_liking() {
    assert!(!plain(&[Kind::View, Kind::Click]).is_liking());
    assert!(plain(&[Kind::View, Kind::Like]).is_liking());
    assert!(!plain(&[Kind::Like, Kind::Dislike]).is_liking());
    assert_eq!(
        plain(&[Kind::View, Kind::Purchase, Kind::Like]).kind,
        Kind::Purchase
    );
}

#[test]
fn an_item_stays_out_for_the_time_that_was_set() {
    let holds = |kinds: &[Kind], second| plain(kinds).exclusion.holds(at(second));
    assert!(!holds(&[Kind::View, Kind::Click, Kind::AddToCart], 0));
    assert!(holds(&[Kind::Skip], 604_799) && !holds(&[Kind::Skip], 604_800));
    // The later of two skips, and the longest of all.
    assert!(holds(&[Kind::Skip, Kind::Skip], 604_800));
    assert!(holds(&[Kind::Purchase, Kind::Skip], 1 << 32));
    // What takes an event back ends its exclusion, and brings its own.
    assert!(!holds(&[Kind::RemoveFromCart, Kind::AddToCart], 10));
    assert_eq!(
        plain(&[Kind::Purchase, Kind::Return]).exclusion,
        Exclusion::ForGood
    );
    assert_eq!(
        plain(&[Kind::Purchase, Kind::Dislike]).exclusion,
        Exclusion::ForGood
    );
}

/// What the rules at the head of the file say, read forwards and without thrift: which events count.
fn in_force(events: &[Done]) -> Vec<bool> {
    let against = |(kind, stars): Done| kind == Kind::Dislike || stars.is_some_and(|s| s < 2.5);
    let opinion_for = |(kind, stars): Done| kind == Kind::Like || stars.is_some_and(|s| s > 2.5);
    let mut counts = vec![true; events.len()];
    for early in (0..events.len()).rev() {
        let (kind, stars) = events[early];
        for late in early + 1..events.len() {
            let later = events[late];
            let withdrawn = match kind {
                Kind::Like => later.0 == Kind::Dislike,
                Kind::Dislike => later.0 == Kind::Like,
                Kind::Purchase => later.0 == Kind::Return,
                Kind::Return => later.0 == Kind::Purchase,
                Kind::AddToCart => later.0 == Kind::RemoveFromCart,
                Kind::RemoveFromCart => later.0 == Kind::AddToCart,
                Kind::Rating => later.0 == Kind::Rating,
                Kind::View | Kind::Click | Kind::Share | Kind::Skip => false,
            };
            let overruled = counts[late]
                && match kind {
                    Kind::Rating if stars > Some(2.5) => later.0 == Kind::Dislike,
                    Kind::Rating if stars < Some(2.5) => later.0 == Kind::Like,
                    Kind::Rating | Kind::Skip | Kind::Return => false,
                    Kind::Dislike => opinion_for(later),
                    Kind::RemoveFromCart => later.0 == Kind::Purchase,
                    Kind::AddToCart => against(later) || later.0 == Kind::Return,
                    _ => against(later),
                };
            counts[early] &= !withdrawn && !overruled;
        }
    }
    counts
}

fn histories() -> impl Strategy<Value = Vec<Done>> {
    let done = (0..KINDS, 1_u8..=10).prop_map(|(kind, halves)| {
        let kind = InteractionKind::ALL[kind];
        let stars = (kind == Kind::Rating).then_some(f32::from(halves) / 2.0);
        (kind, stars)
    });
    prop::collection::vec(done, 1..30)
}

proptest! {
    #[test]
    fn a_state_is_what_the_rules_say(events in histories()) {
        let (table, counts) = (table(), in_force(&events));
        let mut sum = 0.0_f64;
        for (index, (kind, stars)) in events.iter().enumerate() {
            let repeats = (index + 1..events.len())
                .filter(|later| counts[*later] && events[*later].0 == *kind)
                .count();
            if counts[index] {
                sum += f64::from(table.weight(*kind, *stars)) / 2_f64.powi(repeats as i32);
            }
        }
        let state = after(&events);
        let expected = sum.clamp(-2.0, 2.0);
        prop_assert!((f64::from(state.weight) - expected).abs() < 1e-5, "{state:?} {expected}");
        let last = events.iter().rev().find_map(|(_, stars)| *stars);
        prop_assert_eq!(state.stars, last);
    }

    #[test]
    fn what_came_before_changes_nothing_of_what_came_later(events in histories(), cut in 0_usize..30) {
        let table = table();
        let shares = |events: &[Done]| {
            let mut built = StateBuilder::default();
            let pushed = events.iter().enumerate().rev();
            let pushed = pushed.map(|(second, done)| {
                built.push(&table, done.0, done.1, at(second as i64))
            });
            pushed.collect::<Vec<f32>>()
        };
        let cut = cut.min(events.len());
        let (all, some) = (shares(&events), shares(&events[cut..]));
        prop_assert_eq!(&all[..some.len()], &some[..]);
        prop_assert!(all.iter().all(|share| (0.0..=1.0).contains(share)));
    }
}
