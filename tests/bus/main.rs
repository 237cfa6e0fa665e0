//! The bus, alone and on a real Redis: who hears what, and who hears that they missed something.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

#[path = "../support/redis.rs"]
mod redis;

use std::time::Duration;

use marquee::platform::bus::{Bus, Buses, Listener, Received, Topic};
use marquee::platform::config::Settings;
use tokio::time::timeout;
use uuid::Uuid;

use crate::redis::{Proxy, prefix, settings};

/// A process on this Redis, connected.
async fn process(url: &str, prefix: &str) -> Buses {
    let buses = Buses::open(&settings(url, prefix)).unwrap();
    buses.wait_for_redis(true).await;
    buses
}

fn alone() -> Buses {
    Buses::open(&Settings::defaults()).unwrap()
}

fn app(buses: &Buses) -> Bus {
    buses.of(&"app".parse().unwrap())
}

fn job() -> Topic {
    Topic::Job(Uuid::from_u128(1))
}

async fn next(listener: &mut Listener) -> Received {
    let patience = Duration::from_secs(20);
    let heard = timeout(patience, listener.next()).await;
    heard.expect("something is heard")
}

fn note(json: &str) -> Received {
    Received::Event(json.into())
}

#[tokio::test]
async fn who_listens_hears_their_topic_and_no_other() {
    let bus = app(&alone());
    assert!(!bus.is_shared(), "other processes are not heard");
    let mut mine = bus.subscribe(job());
    let mut too = bus.subscribe(job());
    bus.publish(Topic::Job(Uuid::from_u128(2)), "of another job");
    bus.publish(Topic::Jobs, "of all jobs");
    bus.publish(job(), serde_json::json!({ "done": 1 }));
    assert_eq!(next(&mut mine).await, note(r#"{"done":1}"#));
    assert_eq!(next(&mut too).await, note(r#"{"done":1}"#));
}

#[tokio::test]
async fn what_was_told_before_anybody_listened_is_not_heard() {
    let bus = app(&alone());
    bus.publish(job(), 1);
    drop(bus.subscribe(job()));
    bus.publish(job(), 2);
    let mut listener = bus.subscribe(job());
    bus.publish(job(), 3);
    assert_eq!(next(&mut listener).await, note("3"));
}

#[tokio::test]
async fn a_slow_listener_hears_that_it_missed_some_and_then_what_is_new() {
    let bus = app(&alone());
    let mut slow = bus.subscribe(job());
    for number in 0..10_000 {
        bus.publish(job(), number);
    }
    assert_eq!(next(&mut slow).await, Received::Lagged);
    bus.publish(job(), "new");
    assert_eq!(next(&mut slow).await, note("\"new\""));
}

#[tokio::test]
async fn ten_thousand_listeners_hear_one_note() {
    let bus = app(&alone());
    let mut all: Vec<Listener> = (0..10_000).map(|_| bus.subscribe(job())).collect();
    bus.publish(job(), 7);
    for listener in &mut all {
        assert_eq!(next(listener).await, note("7"));
    }
}

#[tokio::test]
async fn a_note_that_is_no_json_is_a_missed_one() {
    let bus = app(&alone());
    let mut listener = bus.subscribe(job());
    let no_json = std::collections::HashMap::from([((1, 2), 3)]);
    bus.publish(job(), no_json);
    assert_eq!(next(&mut listener).await, Received::Lagged);
}

#[tokio::test]
async fn nothing_crosses_schemas() {
    let prefix = prefix();
    let (one, two) = (
        process(&redis::url(), &prefix).await,
        process(&redis::url(), &prefix).await,
    );
    for buses in [&one, &two] {
        let mut listener = buses.of(&"demo".parse().unwrap()).subscribe(job());
        app(&one).publish(job(), "of app");
        one.of(&"demo".parse().unwrap()).publish(job(), "of demo");
        assert_eq!(next(&mut listener).await, note("\"of demo\""));
    }
}

#[tokio::test]
async fn installations_with_other_prefixes_do_not_hear_each_other() {
    let (mine, ours) = (prefix(), prefix());
    let (one, other) = (
        process(&redis::url(), &mine).await,
        process(&redis::url(), &ours).await,
    );
    let two = process(&redis::url(), &ours).await;
    let mut listener = app(&two).subscribe(job());
    app(&one).publish(job(), 1);
    one.close().await;
    app(&other).publish(job(), 2);
    assert_eq!(next(&mut listener).await, note("2"));
}

#[tokio::test]
async fn two_processes_hear_each_other_and_each_itself_once() {
    let prefix = prefix();
    let (one, two) = (
        process(&redis::url(), &prefix).await,
        process(&redis::url(), &prefix).await,
    );
    let (mut here, mut there) = (app(&one).subscribe(job()), app(&two).subscribe(job()));
    for number in 0..20 {
        app(&one).publish(job(), number);
    }
    for number in 0..20 {
        assert_eq!(next(&mut here).await, note(&number.to_string()));
        assert_eq!(next(&mut there).await, note(&number.to_string()));
    }
    // The other heard the last, so whatever were to come back to the first would be there before
    // its answer.
    app(&two).publish(job(), "back");
    assert_eq!(next(&mut here).await, note("\"back\""));
}

#[tokio::test]
async fn notes_survive_the_end_of_their_process() {
    let prefix = prefix();
    let (one, two) = (
        process(&redis::url(), &prefix).await,
        process(&redis::url(), &prefix).await,
    );
    let mut there = app(&two).subscribe(job());
    app(&one).publish(job(), "goodbye");
    one.close().await;
    drop(one);
    assert_eq!(next(&mut there).await, note("\"goodbye\""));
}

#[tokio::test]
async fn when_redis_goes_and_comes_back_every_listener_hears_that_it_may_have_missed_something() {
    let (prefix, mut proxy) = (prefix(), Proxy::open().await);
    let (cut_off, other) = (
        process(&proxy.url, &prefix).await,
        process(&redis::url(), &prefix).await,
    );
    let mut here = app(&cut_off).subscribe(job());
    let mut there = app(&other).subscribe(Topic::Jobs);
    proxy.cut();
    cut_off.wait_for_redis(false).await;
    assert!(!app(&cut_off).is_shared());
    assert_eq!(next(&mut here).await, Received::Lagged);
    proxy.was_tried().await;
    app(&cut_off).publish(job(), "heard here");
    assert_eq!(next(&mut here).await, note("\"heard here\""));
    app(&cut_off).publish(Topic::Jobs, "dropped");
    proxy.mend();
    cut_off.wait_for_redis(true).await;
    assert!(app(&cut_off).is_shared());
    assert_eq!(next(&mut here).await, Received::Lagged);
    // The other never lost Redis, but what was dropped was for it.
    assert_eq!(next(&mut there).await, Received::Lagged);
    app(&other).publish(job(), "together again");
    assert_eq!(next(&mut here).await, note("\"together again\""));
}

#[tokio::test]
async fn a_redis_that_comes_late_is_a_reason_to_read_the_table() {
    let (prefix, mut proxy) = (prefix(), Proxy::open().await);
    proxy.cut();
    let buses = Buses::open(&settings(&proxy.url, &prefix)).unwrap();
    let mut listener = app(&buses).subscribe(job());
    app(&buses).publish(job(), 1);
    assert_eq!(next(&mut listener).await, note("1"));
    proxy.was_tried().await;
    proxy.mend();
    assert_eq!(next(&mut listener).await, Received::Lagged);
}

#[tokio::test]
async fn what_a_stranger_writes_into_the_channel_is_a_reason_to_read_the_table() {
    let prefix = prefix();
    let buses = process(&redis::url(), &prefix).await;
    let mut listener = app(&buses).subscribe(job());
    for nonsense in ["x", "a b", "0 app {\"Job\":7}\n1", "\n\n", "0 app"] {
        let mut command = ::redis::cmd("PUBLISH");
        command.arg(format!("{prefix}:events")).arg(nonsense);
        let mut connection = redis::connection().await;
        command.query_async::<()>(&mut connection).await.unwrap();
        assert_eq!(next(&mut listener).await, Received::Lagged, "{nonsense:?}");
    }
}
