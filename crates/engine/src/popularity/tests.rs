use super::*;
use crate::history::{InteractionKind as Kind, table};
use proptest::prelude::*;
use uuid::Uuid;

fn now() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn days_ago(days: i64) -> DateTime<Utc> {
    now() - TimeDelta::days(days)
}

fn item(number: u128) -> Content {
    Uuid::from_u128(number).into()
}

fn did(number: u128, kind: Kind, value: Option<f32>, at: DateTime<Utc>) -> Event {
    Event {
        content: item(number),
        kind,
        value,
        at,
    }
}

fn account(days: i64) -> AccountStatus {
    AccountStatus {
        anonymous: false,
        disabled: false,
        created_at: days_ago(days),
    }
}

fn visitor(days: i64) -> AccountStatus {
    AccountStatus {
        anonymous: true,
        ..account(days)
    }
}

/// An honest user: items of their own, and then this one.
fn honest(seed: u128, number: u128, kind: Kind, at: DateTime<Utc>) -> Vec<Event> {
    let mut events = vec![did(number, kind, None, at)];
    for other in 0..6 {
        let own = 1_000_000 + seed * 10 + other;
        events.push(did(own, Kind::View, None, at - TimeDelta::days(1)));
    }
    events
}

fn score(popular: &[(Content, f64)], number: u128) -> f64 {
    let found = popular.iter().find(|(content, _)| *content == item(number));
    found.map_or(0.0, |(_, score)| *score)
}

#[test]
fn one_view_of_today_does_not_beat_what_thousands_rated_years_ago() {
    let table = table();
    let mut popularity = Popularity::new(&table, now());
    for _ in 0..2_000 {
        let rated = |number| did(number, Kind::Rating, Some(4.0), days_ago(2_900));
        let events: Vec<Event> = (1..=6).map(rated).collect();
        popularity.add(&account(10), &events);
    }
    // Three users looked at an item today, and one of them has done much more.
    for seed in 0..3 {
        popularity.add(&account(3), &honest(seed, 99, Kind::View, now()));
    }
    let popular = popularity.ranked();
    assert_eq!(popular[0].0, item(1), "of equals the first");
    assert!(score(&popular, 99) > 0.0);
    assert!(
        score(&popular, 99) < 0.05 * score(&popular, 1),
        "{popular:?}"
    );
}

#[test]
fn what_is_taken_lately_decides_once_there_is_much_of_it() {
    let table = table();
    let mut popularity = Popularity::new(&table, now());
    for user in 0..3_000_i64 {
        // An old favourite, and a new one that half as many took in the last weeks.
        popularity.add(
            &account(3_000),
            &honest(0, 1, Kind::Purchase, days_ago(2_000)),
        );
        if user % 2 == 0 {
            let lately = days_ago(user % 40);
            popularity.add(&account(60), &honest(1, 2, Kind::Purchase, lately));
        }
    }
    let popular = popularity.ranked();
    assert!(score(&popular, 2) > 5.0 * score(&popular, 1), "{popular:?}");
}

#[test]
fn anonymous_sessions_of_one_event_do_not_beat_honest_users() {
    let table = table();
    for events in [1_u128, 10] {
        let mut popularity = Popularity::new(&table, now());
        for seed in 0..30 {
            popularity.add(&account(40), &honest(seed, 1, Kind::Purchase, days_ago(20)));
        }
        // A script with 150 sessions, that sends days of last year with its events if it must.
        for _ in 0..150 {
            let sent = |number| {
                did(
                    2 + number,
                    Kind::Purchase,
                    None,
                    days_ago(30 * number as i64),
                )
            };
            let events: Vec<Event> = (0..events).map(sent).collect();
            popularity.add(&visitor(0), &events);
        }
        let popular = popularity.ranked();
        assert_eq!(popular[0].0, item(1), "{events}: {popular:?}");
        assert!(
            score(&popular, 2) < 0.6 * score(&popular, 1),
            "{events}: {popular:?}"
        );
    }
}

#[test]
fn a_catalogue_that_only_visitors_use_is_ordered_by_them() {
    let table = table();
    let mut popularity = Popularity::new(&table, now());
    for visits in 0..60_i64 {
        let number = if visits % 3 == 0 { 2 } else { 1 };
        popularity.add(&visitor(0), &[did(number, Kind::Purchase, None, now())]);
    }
    let popular: Vec<_> = popularity
        .ranked()
        .iter()
        .map(|(content, _)| *content)
        .collect();
    assert_eq!(popular, [item(1), item(2)]);
}

#[test]
fn what_fewer_than_three_people_took_is_not_popular() {
    let table = table();
    for (people, expected) in [(1, 0), (2, 0), (3, 1)] {
        let mut popularity = Popularity::new(&table, now());
        for seed in 0..people {
            popularity.add(&account(3), &honest(seed, 1, Kind::Like, now()));
        }
        assert_eq!(popularity.ranked().len(), expected, "{people} people");
    }
    // Nor what many say who speak against it, nor what a shut account says.
    let mut popularity = Popularity::new(&table, now());
    for seed in 0..9 {
        popularity.add(&account(3), &honest(seed, 1, Kind::Dislike, now()));
        let shut = AccountStatus {
            disabled: true,
            ..account(3)
        };
        popularity.add(&shut, &honest(seed, 2, Kind::Purchase, now()));
    }
    assert_eq!(popularity.ranked(), []);
}

#[test]
fn a_user_counts_once_however_often_they_say_it() {
    let table = table();
    let mut popularity = Popularity::new(&table, now());
    for seed in 0..3 {
        let mut zealous = honest(seed, 1, Kind::Purchase, now());
        let again = vec![did(1, Kind::Purchase, None, now()); 500];
        zealous.splice(0..0, again);
        popularity.add(&account(3), &zealous);
    }
    for seed in 3..10 {
        popularity.add(&account(3), &honest(seed, 2, Kind::Purchase, now()));
    }
    assert_eq!(popularity.ranked()[0].0, item(2));
}

#[test]
fn trust_grows_with_what_a_user_has_done() {
    let events = |items: u128, days: i64| -> Vec<Event> {
        let done = (0..items).flat_map(|number| {
            (0..days).map(move |day| did(number, Kind::View, None, days_ago(day)))
        });
        done.collect()
    };
    let near = |left: f64, right: f64| (left - right).abs() < 1e-12;
    assert!(near(trust(&visitor(0), &events(1, 1), now()), 0.05));
    assert!(near(trust(&visitor(9), &events(5, 2), now()), 0.5));
    assert!(near(trust(&visitor(9), &events(9, 9), now()), 1.0));
    // Days before the first visit are one.
    assert!(near(trust(&visitor(0), &events(5, 9), now()), 0.25));
    assert!(near(trust(&account(0), &events(1, 9), now()), 0.2));
    assert!(near(trust(&account(0), &events(5, 1), now()), 1.0));
    assert!(near(trust(&account(0), &[], now()), 0.0));
}

proptest! {
    #[test]
    fn the_order_in_which_users_come_changes_nothing(
        users in prop::collection::vec((any::<bool>(), 0_i64..2_000, 1_u128..9, 0_usize..11), 0..60),
    ) {
        let table = table();
        let count = |users: &mut dyn Iterator<Item = &(bool, i64, u128, usize)>| {
            let mut popularity = Popularity::new(&table, now());
            for (anonymous, days, number, kind) in users {
                let account = AccountStatus { anonymous: *anonymous, ..account(*days) };
                let kind = Kind::ALL[*kind];
                let stars = (kind == Kind::Rating).then_some(4.5);
                let mut events = honest(*number, 50, Kind::View, days_ago(*days));
                events.insert(0, did(*number, kind, stars, days_ago(*days)));
                popularity.add(&account, &events);
            }
            popularity.ranked()
        };
        let forwards = count(&mut users.iter());
        prop_assert_eq!(&forwards, &count(&mut users.iter().rev()));
        prop_assert!(forwards.iter().all(|(_, score)| score.is_finite() && *score > 0.0));
    }
}
