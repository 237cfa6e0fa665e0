//! Events on a real database: who receives what, whatever commits late and whichever connection is lost.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

mod proxy;
#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use futures::FutureExt;
use marquee::foundation::{Error, Result};
use marquee::platform::events::{
    APPEND, Event, EventListener, Events, Received, Subscription, append,
};
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};
use tokio::time::timeout;
use uuid::Uuid;

use crate::proxy::DeafProxy;
use crate::support::TestApp;

/// An event of these tests, about `key`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Note {
    key: Option<Uuid>,
    text: String,
}

impl Event for Note {
    const TOPIC: &'static str = "notes";

    fn key(&self) -> Option<Uuid> {
        self.key
    }
}

fn note(text: &str) -> Note {
    Note {
        key: None,
        text: text.to_owned(),
    }
}

fn about(key: u128, text: &str) -> Note {
    Note {
        key: Some(Uuid::from_u128(key)),
        text: text.to_owned(),
    }
}

/// Commits these events in one transaction.
async fn commit(app: &TestApp, notes: Vec<Note>) {
    let written = app
        .ctx
        .db
        .transaction(move |tx| async move { append(tx, &notes).await }.boxed());
    written.await.unwrap();
}

/// Another process on the same database.
fn elsewhere(app: &TestApp) -> Events {
    EventListener::new(&app.url)
        .unwrap()
        .of(app.ctx.db.schema())
}

async fn all(events: &Events) -> Subscription<Note> {
    events.subscribe(None).await
}

async fn next(subscription: &mut Subscription<Note>) -> Received<Note> {
    let received = timeout(Duration::from_secs(20), subscription.next()).await;
    received.expect("something is received")
}

/// The text of the next event; panics if some were missed.
async fn text(subscription: &mut Subscription<Note>) -> String {
    match next(subscription).await {
        Received::Event { event, .. } => event.text,
        Received::Missed => panic!("events were missed"),
    }
}

/// A connection of nobody in particular, in the schema of the test.
async fn stranger(app: &TestApp) -> PgConnection {
    let options: sqlx::postgres::PgConnectOptions = app.url.parse().unwrap();
    let schema = app.ctx.db.schema().as_str();
    options
        .options([("search_path", schema)])
        .connect()
        .await
        .unwrap()
}

async fn run(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await
        .unwrap();
}

/// A statement that writes an event with this payload.
fn insertion(payload: &str) -> String {
    format!("{APPEND} VALUES ('notes', NULL, '{payload}')")
}

#[tokio::test]
async fn a_subscription_receives_its_topic_or_its_key_and_no_other() {
    let app = TestApp::start().await;
    let events = &app.ctx.events;
    let mut one = events.subscribe(Some(Uuid::from_u128(1))).await;
    let mut all = all(events).await;
    let mut connection = stranger(&app).await;
    run(
        &mut connection,
        &format!("{APPEND} VALUES ('other', NULL, 'null')"),
    )
    .await;
    commit(
        &app,
        vec![about(2, "of two"), about(1, "of one"), note("of none")],
    )
    .await;
    assert_eq!(text(&mut one).await, "of one");
    for expected in ["of two", "of one", "of none"] {
        assert_eq!(text(&mut all).await, expected);
    }
    commit(&app, vec![about(1, "again")]).await;
    assert_eq!(text(&mut one).await, "again");
}

#[tokio::test]
async fn what_was_committed_before_and_what_was_rolled_back_is_not_received() {
    let app = TestApp::start().await;
    commit(&app, vec![note("before")]).await;
    let mut notes = all(&app.ctx.events).await;
    let refused: Result<()> = app
        .ctx
        .db
        .transaction(|tx| {
            async move {
                append(tx, &[note("rolled back")]).await?;
                Err(Error::Forbidden("no".to_owned()))
            }
            .boxed()
        })
        .await;
    assert!(refused.is_err());
    commit(&app, vec![note("after")]).await;
    assert_eq!(text(&mut notes).await, "after");
}

#[tokio::test]
async fn a_slow_subscription_learns_that_it_missed_some_and_then_receives_what_is_new() {
    let app = TestApp::start().await;
    let mut slow = all(&app.ctx.events).await;
    let mut quick = app.ctx.events.subscribe(Some(Uuid::from_u128(1))).await;
    let mut many: Vec<Note> = (0..10_000)
        .map(|number| note(&number.to_string()))
        .collect();
    many.push(about(1, "last"));
    commit(&app, many).await;
    // When the last was delivered, so were those before it.
    assert_eq!(text(&mut quick).await, "last");
    assert_eq!(next(&mut slow).await, Received::Missed);
    commit(&app, vec![note("new")]).await;
    assert_eq!(text(&mut slow).await, "new");
}

#[tokio::test]
async fn ten_thousand_subscriptions_receive_one_event() {
    let app = TestApp::start().await;
    let mut subscriptions = Vec::new();
    for _ in 0..10_000 {
        subscriptions.push(all(&app.ctx.events).await);
    }
    commit(&app, vec![note("one")]).await;
    for subscription in &mut subscriptions {
        assert_eq!(text(subscription).await, "one");
    }
}

#[tokio::test]
async fn an_event_that_another_version_wrote_is_a_missed_one() {
    let app = TestApp::start().await;
    let mut notes = all(&app.ctx.events).await;
    let mut connection = stranger(&app).await;
    for payload in ["null", "7", r#"{"text": 1}"#, r#"{"words": "x"}"#] {
        run(&mut connection, &insertion(payload)).await;
        assert_eq!(next(&mut notes).await, Received::Missed, "{payload}");
    }
}

#[tokio::test]
async fn nothing_crosses_schemas() {
    let (one, two) = (TestApp::start().await, TestApp::start().await);
    let mut there = all(&two.ctx.events).await;
    commit(&one, vec![note("of one")]).await;
    commit(&two, vec![note("of two")]).await;
    assert_eq!(text(&mut there).await, "of two");
}

#[tokio::test]
async fn one_process_reads_several_schemas() {
    let (one, two) = (TestApp::start().await, TestApp::start().await);
    let listener = EventListener::new(&one.url).unwrap();
    let mut first = all(&listener.of(one.ctx.db.schema())).await;
    let mut second = all(&listener.of(two.ctx.db.schema())).await;
    commit(&two, vec![note("of two")]).await;
    commit(&one, vec![note("of one")]).await;
    assert_eq!(text(&mut first).await, "of one");
    assert_eq!(text(&mut second).await, "of two");
}

#[tokio::test]
async fn two_processes_receive_each_other_and_each_itself_once() {
    let app = TestApp::start().await;
    let there = elsewhere(&app);
    let mut both = [all(&app.ctx.events).await, all(&there).await];
    for number in 0..50 {
        commit(&app, vec![note(&number.to_string())]).await;
    }
    for subscription in &mut both {
        for number in 0..50 {
            assert_eq!(text(subscription).await, number.to_string());
        }
        // Whatever was received twice would come before this.
    }
    commit(&app, vec![note("last")]).await;
    for subscription in &mut both {
        assert_eq!(text(subscription).await, "last");
    }
}

#[tokio::test]
async fn what_commits_late_is_not_passed_over() {
    let app = TestApp::start().await;
    let mut notes = all(&app.ctx.events).await;
    let mut late = Vec::new();
    for number in 0..5 {
        let mut connection = stranger(&app).await;
        run(&mut connection, "BEGIN").await;
        let payload = format!(r#"{{"key": null, "text": "late {number}"}}"#);
        run(&mut connection, &insertion(&payload)).await;
        late.push(connection);
    }
    commit(&app, vec![note("early")]).await;
    assert_eq!(text(&mut notes).await, "early");
    // In the order of the commits, which is not that of the numbers.
    for number in [3, 0, 4, 2, 1] {
        run(&mut late[number], "COMMIT").await;
        assert_eq!(text(&mut notes).await, format!("late {number}"));
        commit(&app, vec![note("between")]).await;
        assert_eq!(text(&mut notes).await, "between");
    }
}

#[tokio::test]
async fn what_happens_while_the_connection_is_cut_is_received_once() {
    let app = TestApp::start().await;
    let mut notes = all(&app.ctx.events).await;
    commit(&app, vec![note("0")]).await;
    assert_eq!(text(&mut notes).await, "0");
    for number in 1..=5 {
        assert_eq!(app.cut_events().await, 1);
        commit(&app, vec![note(&number.to_string())]).await;
        assert_eq!(text(&mut notes).await, number.to_string());
    }
}

#[tokio::test]
async fn where_notifications_do_not_arrive_the_table_is_looked_at() {
    let app = TestApp::start().await;
    let proxy = DeafProxy::open(&app.url).await;
    let listener = EventListener::new(&proxy.url).unwrap();
    let mut notes = all(&listener.of(app.ctx.db.schema())).await;
    listener.wait_for_notifications(false).await;
    for number in 0..3 {
        commit(&app, vec![note(&number.to_string())]).await;
        assert_eq!(text(&mut notes).await, number.to_string());
    }
}

#[tokio::test]
async fn where_the_database_is_away_at_the_start_a_subscription_begins_with_a_missed_event() {
    let app = TestApp::start().await;
    let proxy = DeafProxy::closed(&app.url).await;
    let listener = EventListener::new(&proxy.url).unwrap();
    // It does not wait for the database for good.
    let mut notes = all(&listener.of(app.ctx.db.schema())).await;
    commit(&app, vec![note("missed")]).await;
    proxy.mend();
    assert_eq!(next(&mut notes).await, Received::Missed);
    commit(&app, vec![note("received")]).await;
    assert_eq!(text(&mut notes).await, "received");
}
