//! The demo, as a film lover would judge it.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

mod support;

use std::ops::ControlFlow;

use marquee::domain::auth::{Client, Credentials, Viewer};
use marquee::domain::demo::LOGINS;
use marquee::domain::recommendations::training::TrainingOptions;
use serde_json::{Value, json};
use support::TestApp;
use uuid::Uuid;

/// The demo, loaded and trained on.
async fn demo() -> TestApp {
    let app = TestApp::start().await;
    let loaded = app
        .services
        .demo
        .load(&Viewer::Command)
        .await
        .unwrap()
        .unwrap();
    assert!(loaded.films >= 300 && loaded.products == 120);
    assert!(loaded.users == 400 && loaded.interactions >= 40_000);
    let services = &app.services;
    services
        .recommendations
        .train(&Viewer::Command, TrainingOptions::default(), |_| {
            ControlFlow::Continue(())
        })
        .await
        .unwrap();
    app
}

/// The first `first` items recommended to the demo's user of this key.
async fn list(app: &TestApp, key: &str, first: usize) -> Vec<Value> {
    let user: Uuid = sqlx::query_scalar("SELECT id FROM users WHERE external_id = $1")
        .bind(key)
        .fetch_one(app.ctx.db.pool())
        .await
        .unwrap();
    let user: foundation::Id<foundation::id::User> = user.into();
    let document = "query ($user: ID!, $first: Int!) {
        recommendations(userId: $user, first: $first) {
            items { content { kind title year language genres directors { name } } reasons { message } } } }";
    let variables = json!({ "user": user, "first": first });
    let mut data = app.ask_as(&Viewer::Command, document, variables).await;
    let items = data["recommendations"]["items"].take();
    serde_json::from_value(items).unwrap()
}

/// How many of `items` have a film that `fits`.
fn films(items: &[Value], fits: impl Fn(&Value) -> bool) -> usize {
    items.iter().filter(|item| fits(&item["content"])).count()
}

fn has_genre(film: &Value, genre: &str) -> bool {
    film["genres"]
        .as_array()
        .unwrap()
        .iter()
        .any(|name| name == genre)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_taste_gets_what_such_a_person_likes() {
    let app = demo().await;

    // Who likes Kurosawa gets the Kurosawa they have not seen, and other Japanese classics.
    let items = list(&app, "user", 10).await;
    let kurosawa = |film: &Value| {
        film["directors"]
            .as_array()
            .unwrap()
            .iter()
            .any(|person| person["name"] == "Akira Kurosawa")
    };
    assert!(films(&items, kurosawa) >= 4, "{items:#?}");
    assert!(
        films(&items, |film| film["language"] == "ja") >= 7,
        "{items:#?}"
    );
    assert!(
        items.iter().any(|item| {
            let reason = item["reasons"][0]["message"].as_str().unwrap();
            reason.starts_with("Because you liked")
        }),
        "{items:#?}"
    );

    // And so for other tastes: the first users of each who have no second one.
    let world = domain::demo::data::generate(42, app.ctx.clock.now());
    for (taste, genre, least) in [
        ("westerns", "Western", 5),
        ("horror", "Horror", 5),
        ("film-noir", "Film Noir", 5),
        ("musicals", "Musical", 4),
        ("ghibli", "Animation", 5),
    ] {
        let of_taste = world
            .users
            .iter()
            .filter(|user| user.taste == taste && user.second_taste.is_none());
        let mut best = 0;
        for user in of_taste.take(3) {
            let items = list(&app, &user.key, 10).await;
            best = best.max(films(&items, |film| has_genre(film, genre)));
        }
        assert!(best >= least, "{taste}: {best} of 10");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_logins_work_and_the_demo_is_loaded_once() {
    let app = TestApp::start().await;
    let demo = &app.services.demo;
    assert!(demo.load(&Viewer::Nobody).await.is_err());
    demo.load(&Viewer::Command).await.unwrap().unwrap();
    assert!(demo.load(&Viewer::Command).await.unwrap().is_none());
    for login in LOGINS {
        let credentials = Credentials {
            email: login.email.to_owned(),
            password: login.password.into(),
        };
        let signed_in = app
            .services
            .auth
            .login(Client::default(), &credentials)
            .await
            .unwrap();
        assert_eq!(signed_in.user.role, login.role);
    }
    let counts = app
        .ask(
            "{ expired: contents(filter: { rightsUntil: { lt: \"2026-03-01\" } }) { totalCount }
               open: contents(filter: { kind: { eq: MOVIE } }) { totalCount }
               soldOut: contents(filter: { stock: { eq: 0 } }) { totalCount } }",
        )
        .await;
    for what in ["expired", "open", "soldOut"] {
        assert!(counts[what]["totalCount"].as_i64().unwrap() > 0, "{what}");
    }
}
