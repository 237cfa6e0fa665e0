//! What rises.

use chrono::TimeDelta;
use marquee::domain::auth::{Role, Viewer};
use marquee::domain::interactions::{InteractionKind, NewInteraction};
use serde_json::{Value, json};

use crate::Content;
use crate::support::TestApp;

const TRENDING: &str = "query ($window: TrendingWindow!, $filter: ContentFilter) {
    trending(window: $window, filter: $filter) { score recent expected content { title } } }";

/// `users` users do this to an item so long ago.
async fn did(
    app: &TestApp,
    users: &[Viewer],
    item: Content,
    kind: InteractionKind,
    ago: TimeDelta,
) {
    for user in users {
        let new = NewInteraction {
            occurred_at: Some(app.ground.clock.now() - ago),
            ..NewInteraction::new(item, kind)
        };
        app.services.interactions.record(user, new).await.unwrap();
    }
}

#[tokio::test]
async fn films_and_products_do_not_rise_in_one_list_unless_asked() {
    let app = TestApp::start().await;
    let mut users = Vec::new();
    for _ in 0..8 {
        users.push(app.viewer(Role::User).await);
    }
    let film = app.film("Film").await;
    let document = r#"mutation { createContent(input: { kind: PRODUCT, title: "Mug", price: "9.00", currency: "EUR" }) {
        content { id } } }"#;
    let data = app.ask_as(&Viewer::Command, document, json!({})).await;
    let mug = data["createContent"]["content"]["id"].as_str().unwrap();
    let now = TimeDelta::minutes(30);
    did(&app, &users, film, InteractionKind::Like, now).await;
    did(
        &app,
        &users[..6],
        mug.parse().unwrap(),
        InteractionKind::Like,
        now,
    )
    .await;
    let titles = async |filter: Value| {
        let variables = json!({ "window": "DAY", "filter": filter });
        let data = app.ask_as(&Viewer::Nobody, TRENDING, variables).await;
        let rising = data["trending"].as_array().unwrap().clone();
        let title = |item: Value| item["content"]["title"].as_str().unwrap().to_owned();
        rising.into_iter().map(title).collect::<Vec<_>>()
    };
    assert_eq!(titles(Value::Null).await, ["Film"]);
    assert_eq!(
        titles(json!({ "kind": { "eq": "PRODUCT" } })).await,
        ["Mug"]
    );
    let both = json!({ "kind": { "in": ["MOVIE", "PRODUCT"] } });
    assert_eq!(titles(both).await, ["Film", "Mug"]);
}

#[tokio::test]
async fn what_rises_is_neither_the_favourite_nor_one_users_doing() {
    let app = TestApp::start().await;
    let mut users = Vec::new();
    for _ in 0..12 {
        users.push(app.viewer(Role::User).await);
    }
    let (favourite, riser) = (app.film("Favourite").await, app.film("Riser").await);
    let (zealous, faller) = (app.film("Zealous").await, app.film("Faller").await);
    let (like, dislike) = (InteractionKind::Like, InteractionKind::Dislike);
    let now = TimeDelta::minutes(30);
    // The favourite is liked by eleven a day, and today by twelve.
    for day in 1..=7 {
        did(
            &app,
            &users[..11],
            favourite,
            InteractionKind::Purchase,
            TimeDelta::hours(24 * day - 1) + TimeDelta::hours(2),
        )
        .await;
    }
    did(&app, &users, favourite, InteractionKind::Purchase, now).await;
    did(&app, &users[..1], riser, like, TimeDelta::days(3)).await;
    did(&app, &users[..8], riser, like, now).await;
    for _ in 0..30 {
        did(&app, &users[..1], zealous, like, now).await;
    }
    did(&app, &users[..6], faller, like, TimeDelta::days(2)).await;
    did(&app, &users[..1], faller, dislike, now).await;

    let data = app
        .ask_as(&Viewer::Nobody, TRENDING, json!({ "window": "DAY" }))
        .await;
    let rising = data["trending"].as_array().unwrap();
    let title = |item: &Value| item["content"]["title"].as_str().unwrap().to_owned();
    let all: Vec<String> = rising.iter().map(title).collect();
    assert!(!all.contains(&"Faller".to_owned()), "{rising:#?}");
    assert_eq!(
        (title(&rising[0]), &rising[0]["score"]),
        ("Riser".to_owned(), &json!(1.0))
    );
    let of = |name: &str| rising.iter().find(|item| title(item) == name).unwrap();
    // Eight likes of .7; one of the seven days before had one.
    assert!((of("Riser")["recent"].as_f64().unwrap() - 5.6).abs() < 1e-5);
    assert!((of("Riser")["expected"].as_f64().unwrap() - 0.1).abs() < 1e-5);
    // Eleven a day are what the favourite is expected to have, whoever they are.
    assert!((of("Favourite")["recent"].as_f64().unwrap() - 12.0).abs() < 1e-5);
    assert!((of("Favourite")["expected"].as_f64().unwrap() - 11.0).abs() < 1e-5);
    // However often one user says it, it counts 2.
    assert!((of("Zealous")["recent"].as_f64().unwrap() - 2.0).abs() < 1e-5);
    let score = |name: &str| of(name)["score"].as_f64().unwrap();
    assert!(score("Riser") > score("Zealous"), "{rising:#?}");

    let only = json!({ "window": "DAY", "filter": { "title": { "eq": "Zealous" } } });
    let data = app.ask_as(&Viewer::Nobody, TRENDING, only).await;
    assert_eq!(data["trending"].as_array().unwrap().len(), 1);
    // Three hours later the last hour is empty, while the day is not.
    app.ground.clock.advance(TimeDelta::hours(3));
    let data = app
        .ask_as(&Viewer::Nobody, TRENDING, json!({ "window": "HOUR" }))
        .await;
    assert_eq!(data["trending"], json!([]));
    let content = &app.services.content;
    content.delete(&Viewer::Command, riser).await.unwrap();
    let data = app
        .ask_as(&Viewer::Nobody, TRENDING, json!({ "window": "DAY" }))
        .await;
    let left: Vec<String> = data["trending"]
        .as_array()
        .unwrap()
        .iter()
        .map(title)
        .collect();
    assert!(left.contains(&"Zealous".to_owned()) && !left.contains(&"Riser".to_owned()));
}
