//! A follower of interactions that is cut again and again: it receives each once, whenever it happened, was
//! begun or was committed.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt;
use futures::stream::BoxStream;
use marquee::domain::Services;
use marquee::domain::auth::{Role, Viewer};
use marquee::domain::interactions::{InteractionKind, NewInteraction};
use marquee::foundation::{Id, Rng, id};
use serde_json::{Value, json};
use sqlx::{Postgres, Transaction};
use tokio::time::timeout;
use uuid::Uuid;

use crate::support::TestApp;

type User = Id<id::User>;
type Film = Id<id::Content>;

const PATIENCE: Duration = Duration::from_secs(30);

/// Chances of a seed.
struct Dice(Rng);

impl Dice {
    fn up_to(&self, most: u64) -> usize {
        (self.0.seed() % most) as usize
    }

    /// Some time in the two months before now, now, or some minutes after it.
    fn moment(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self.up_to(4) {
            0 => now - TimeDelta::seconds(self.up_to(60 * 86_400) as i64),
            1 => now + TimeDelta::seconds(self.up_to(290) as i64),
            2 => now - TimeDelta::milliseconds(self.up_to(1_000) as i64),
            _ => now,
        }
    }
}

/// An admin's follower, which remembers what it received and the last cursor.
struct Follower {
    admin: Viewer,
    stream: BoxStream<'static, Value>,
    cursor: String,
    received: Vec<String>,
    cuts: usize,
}

impl Follower {
    async fn start(server: &TestApp) -> Self {
        let admin = server.viewer(Role::Admin).await;
        let now = server
            .ask_as(&admin, "{ interactionsCursor }", json!({}))
            .await;
        let cursor = now["interactionsCursor"].as_str().unwrap().to_owned();
        Self {
            stream: Self::connect(server, &admin, &cursor),
            admin,
            cursor,
            received: Vec::new(),
            cuts: 0,
        }
    }

    fn connect(server: &TestApp, admin: &Viewer, cursor: &str) -> BoxStream<'static, Value> {
        let document =
            format!("subscription {{ interactions(after: \"{cursor}\") {{ id cursor }} }}");
        server.hear(admin, &document)
    }

    /// Loses the connection, and comes back to this server.
    fn cut(&mut self, server: &TestApp) {
        self.cuts += 1;
        self.stream = Self::connect(server, &self.admin, &self.cursor);
    }

    async fn receive(&mut self, many: usize) {
        for _ in 0..many {
            let next = timeout(PATIENCE, self.stream.next()).await;
            let next = next.unwrap_or_else(|_| {
                panic!(
                    "nothing comes after {} interactions, {} cuts",
                    self.received.len(),
                    self.cuts
                )
            });
            let next = next.expect("the stream goes on");
            let interaction = &next["data"]["interactions"];
            let text = |field: &str| {
                let value = interaction[field].as_str();
                value.unwrap_or_else(|| panic!("{next}")).to_owned()
            };
            self.received.push(text("id"));
            self.cursor = text("cursor");
        }
    }
}

/// A transaction of another program that records interactions and takes its time.
struct Late {
    transaction: Transaction<'static, Postgres>,
    ids: Vec<String>,
}

/// A transaction that the database lets stay open.
async fn begin(app: &TestApp) -> Transaction<'static, Postgres> {
    let mut transaction = app.ctx.db.pool().begin().await.unwrap();
    let patient = sqlx::query("SET LOCAL idle_in_transaction_session_timeout = 0");
    patient.execute(&mut *transaction).await.unwrap();
    transaction
}

impl Late {
    async fn begin(app: &TestApp, user: User, film: Film, moments: &[DateTime<Utc>]) -> Self {
        let mut transaction = begin(app).await;
        let mut ids = Vec::new();
        for at in moments {
            let id: Id<id::Interaction> = Id::at(*at, app.ctx.rng.bytes());
            sqlx::query(
                "INSERT INTO interactions (id, user_id, content_id, kind, occurred_at)
                 VALUES ($1, $2, $3, 'VIEW', $4)",
            )
            .bind(id.uuid())
            .bind(Uuid::from(user))
            .bind(film.uuid())
            .bind(at)
            .execute(&mut *transaction)
            .await
            .unwrap();
            ids.push(id.to_string());
        }
        sqlx::query("INSERT INTO events (topic, key, payload) VALUES ('interactions', $1, $2)")
            .bind(Uuid::from(user))
            .bind(json!({ "origin": 0, "user": Uuid::from(user) }))
            .execute(&mut *transaction)
            .await
            .unwrap();
        Self { transaction, ids }
    }
}

fn views(user: User, film: Film, moments: Vec<DateTime<Utc>>) -> Vec<NewInteraction> {
    let view = |at| NewInteraction {
        user: Some(user.into()),
        occurred_at: Some(at),
        ..NewInteraction::new(film, InteractionKind::View)
    };
    moments.into_iter().map(view).collect()
}

async fn record(services: &Services, new: Vec<NewInteraction>) -> Vec<String> {
    let interactions = &services.interactions;
    let recorded = interactions.record_many(&Viewer::Command, new).await;
    let recorded = recorded.unwrap().into_iter();
    recorded
        .map(|one| one.unwrap().interaction.id.to_string())
        .collect()
}

async fn watcher(app: &TestApp) -> User {
    app.viewer(Role::User).await.user().unwrap()
}

fn assert_each_once(received: &[String], recorded: &[String], seed: u64) {
    let once: HashSet<&String> = received.iter().collect();
    let missed = recorded.iter().filter(|id| !once.contains(id)).count();
    let twice = received.len() - once.len();
    let told = (missed, twice, received.len());
    assert_eq!(
        told,
        (0, 0, recorded.len()),
        "missed, twice, received; seed {seed}"
    );
}

/// Two servers, and a transaction of a stranger that is open from beginning to end.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_order_in_which_things_happen_begin_and_commit_each_is_received_once() {
    for seed in 1..=4 {
        let here = TestApp::start().await;
        let there = here.twin().await;
        let servers = [&here, &there];
        let (user, film, now) = (
            watcher(&here).await,
            here.film("A film").await,
            here.ctx.clock.now(),
        );
        let mut stuck = begin(&there).await;
        let wrote = sqlx::query("SELECT pg_current_xact_id()");
        wrote.execute(&mut *stuck).await.unwrap();
        let dice = Dice(Rng::seeded(seed));
        let mut follower = Follower::start(&here).await;
        let (mut late, mut recorded) = (Vec::<Late>::new(), Vec::new());
        for _ in 0..150 {
            let server = servers[dice.up_to(2)];
            let many = 1 + dice.up_to(12);
            let moments = (0..many).map(|_| dice.moment(now)).collect::<Vec<_>>();
            match dice.up_to(7) {
                0 | 1 => {
                    recorded.extend(record(&server.services, views(user, film, moments)).await);
                }
                2 if late.len() < 3 => late.push(Late::begin(&here, user, film, &moments).await),
                2 | 3 if !late.is_empty() => {
                    let ended = late.swap_remove(dice.up_to(late.len() as u64));
                    if dice.up_to(5) == 0 {
                        ended.transaction.rollback().await.unwrap();
                    } else {
                        ended.transaction.commit().await.unwrap();
                        recorded.extend(ended.ids);
                    }
                }
                4 => follower.cut(server),
                _ => {
                    let outstanding = recorded.len() - follower.received.len();
                    follower.receive(outstanding.min(many)).await;
                }
            }
        }
        for ended in late {
            ended.transaction.commit().await.unwrap();
            recorded.extend(ended.ids);
        }
        follower
            .receive(recorded.len() - follower.received.len())
            .await;
        assert_each_once(&follower.received, &recorded, seed);
        // And nothing else comes: neither to this connection nor to the next.
        for _ in 0..2 {
            let last = record(&here.services, views(user, film, vec![now])).await;
            follower.receive(1).await;
            assert_eq!(follower.received.last(), last.last(), "seed {seed}");
            follower.cut(&there);
        }
        assert!(
            follower.cuts > 5,
            "seed {seed} cuts {} times",
            follower.cuts
        );
        stuck.rollback().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_is_cut_while_many_record_at_once_receives_each_once() {
    const WRITERS: u64 = 4;
    let seed = 18;
    let app = TestApp::start().await;
    let (film, now) = (app.film("A film").await, app.ctx.clock.now());
    let mut follower = Follower::start(&app).await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let (services, user) = (Arc::clone(&app.services), watcher(&app).await);
        let dice = Dice(Rng::seeded(seed + writer));
        writers.spawn(async move {
            let mut recorded = Vec::new();
            for batch in 0..6 {
                // The last ones are small, so that they overtake the large ones.
                let many = if batch < 3 { 500 } else { 1 + dice.up_to(20) };
                let moments = (0..many).map(|_| dice.moment(now)).collect();
                recorded.extend(record(&services, views(user, film, moments)).await);
            }
            recorded
        });
    }
    let dice = Dice(Rng::seeded(seed));
    let mut recorded = Vec::new();
    // At least so many come in all.
    for _ in 0..18 {
        follower.receive(1 + dice.up_to(330)).await;
        follower.cut(&app);
    }
    while let Some(done) = writers.join_next().await {
        recorded.extend(done.unwrap());
    }
    follower
        .receive(recorded.len() - follower.received.len())
        .await;
    assert_each_once(&follower.received, &recorded, seed);
}

/// What is told first is not what happened first: it is what was committed first.
#[tokio::test]
async fn who_comes_back_is_told_of_what_an_app_sent_late() {
    let app = TestApp::start().await;
    let (user, film, now) = (
        watcher(&app).await,
        app.film("A film").await,
        app.ctx.clock.now(),
    );
    let mut follower = Follower::start(&app).await;
    record(&app.services, views(user, film, vec![now])).await;
    follower.receive(1).await;
    let yesterday = vec![now - TimeDelta::days(1)];
    let late = record(&app.services, views(user, film, yesterday)).await;
    follower.cut(&app);
    follower.receive(1).await;
    assert_eq!(follower.received[1..], late);
}

#[tokio::test]
async fn one_that_was_taken_back_is_a_place_to_go_on_from_all_the_same() {
    let app = TestApp::start().await;
    let (user, film, now) = (
        watcher(&app).await,
        app.film("A film").await,
        app.ctx.clock.now(),
    );
    let mut follower = Follower::start(&app).await;
    let first = record(&app.services, views(user, film, vec![now])).await;
    follower.receive(1).await;
    let interactions = &app.services.interactions;
    let id = first[0].parse().unwrap();
    interactions.delete(&Viewer::Command, id).await.unwrap();
    let second = record(&app.services, views(user, film, vec![now])).await;
    follower.cut(&app);
    follower.receive(1).await;
    assert_eq!(follower.received[1..], second);
}

#[tokio::test]
async fn a_cursor_of_the_old_form_or_of_another_database_is_refused_with_what_to_do() {
    let app = TestApp::start().await;
    let (user, film, now) = (
        watcher(&app).await,
        app.film("A film").await,
        app.ctx.clock.now(),
    );
    let admin = app.viewer(Role::Admin).await;
    let id = record(&app.services, views(user, film, vec![now]))
        .await
        .remove(0);
    let of_the_future = foundation::page::Cursor {
        order: "recorded".to_owned(),
        value: json!([format!("{0}:{0}:", u64::MAX >> 1)]),
        id: Uuid::nil(),
    };
    for (cursor, reason) in [
        (id, "id of an interaction"),
        ("nonsense".to_owned(), "not a cursor of the subscription"),
        (
            of_the_future.encode(),
            "another one, or of one before it was restored",
        ),
    ] {
        let mut stream = Follower::connect(&app, &admin, &cursor);
        let refused = stream.next().await.unwrap();
        let error = &refused["errors"][0];
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{refused}");
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains(reason) && message.contains("`interactionsCursor`"),
            "{message}"
        );
    }
}
