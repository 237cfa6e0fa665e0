use super::*;
use crate::history::{InteractionKind as Kind, table};
use uuid::Uuid;

fn now() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

const DAY: TimeDelta = TimeDelta::days(1);

fn windows() -> Windows {
    Windows {
        until: now(),
        length: DAY,
        before: 7,
    }
}

fn item(number: u128) -> Content {
    Uuid::from_u128(number).into()
}

fn account() -> AccountStatus {
    AccountStatus {
        anonymous: false,
        disabled: false,
        created_at: now() - TimeDelta::days(30),
    }
}

fn visitor() -> AccountStatus {
    AccountStatus {
        anonymous: true,
        disabled: false,
        created_at: now() - TimeDelta::seconds(2),
    }
}

/// This kind to this item so long ago, by somebody who did something to five others that day.
fn busy(seed: u128, number: u128, kind: Kind, ago: TimeDelta) -> Vec<Event> {
    let done = |content, kind| Event {
        content,
        kind,
        value: None,
        at: now() - ago,
    };
    let own = (0..5).map(|other| done(item(1_000_000 + seed * 10 + other), Kind::View));
    std::iter::once(done(item(number), kind))
        .chain(own)
        .collect()
}

/// What rises when so many accounts take item 1 in the window, and so many each day before it.
fn of_accounts(lately: u128, daily: u128) -> Vec<RisingItem> {
    let table = table();
    let mut trending = Trending::new(&table, windows());
    for seed in 0..lately {
        trending.add(
            &account(),
            &busy(seed, 1, Kind::Purchase, TimeDelta::hours(1)),
        );
    }
    for seed in 0..7 * daily {
        let ago = DAY * (1 + (seed % 7) as i32) + TimeDelta::hours(1);
        trending.add(&account(), &busy(seed, 1, Kind::Purchase, ago));
    }
    trending.rising()
}

#[test]
fn what_fewer_than_three_people_take_does_not_rise() {
    assert_eq!(of_accounts(1, 0), []);
    assert_eq!(of_accounts(2, 0), []);
    let three = of_accounts(3, 0);
    assert_eq!(three.len(), 1);
    assert!((three[0].recent - 3.0).abs() < 1e-6 && three[0].expected.abs() < 1e-6);
    assert!((three[0].rise - 3.0 / 2.0_f64.sqrt()).abs() < 1e-6);
}

#[test]
fn a_favourite_rises_only_by_more_than_its_noise() {
    assert_eq!(of_accounts(12, 11), []);
    assert_eq!(of_accounts(5, 11), []);
    let clearly = of_accounts(30, 11);
    assert!((clearly[0].expected - 11.0).abs() < 1e-6, "{clearly:?}");
    // The same from nothing is more than the same on top of much.
    assert!(of_accounts(20, 0)[0].rise > of_accounts(40, 20)[0].rise);
}

#[test]
fn sessions_of_a_moment_lift_nothing() {
    let table = table();
    let mut trending = Trending::new(&table, windows());
    for seed in 0..500 {
        let events = busy(seed, 1, Kind::Purchase, TimeDelta::seconds(1));
        trending.add(&visitor(), &events);
    }
    for seed in 500..504 {
        trending.add(&account(), &busy(seed, 2, Kind::Like, TimeDelta::hours(2)));
    }
    let rising = trending.rising();
    assert_eq!(
        rising.iter().map(|rise| rise.content).collect::<Vec<_>>(),
        [item(2)]
    );
}

#[test]
fn one_user_counts_once_and_what_they_took_back_not_at_all() {
    let table = table();
    let mut trending = Trending::new(&table, windows());
    for seed in 0..4 {
        let mut events = busy(seed, 1, Kind::Purchase, TimeDelta::hours(2));
        events.insert(
            0,
            Event {
                kind: Kind::Return,
                ..events[0]
            },
        );
        events.splice(
            0..0,
            busy(seed, 2, Kind::Like, TimeDelta::hours(1)).repeat(30),
        );
        trending.add(&account(), &events);
    }
    let rising = trending.rising();
    assert!(
        rising.iter().all(|rise| rise.content != item(1)),
        "{rising:?}"
    );
    let second = rising.iter().find(|rise| rise.content == item(2)).unwrap();
    // Twice a like of .7 each, and no more.
    assert!((second.recent - 4.0 * 1.4).abs() < 1e-4, "{second:?}");
}
