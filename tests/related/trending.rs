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
            occurred_at: Some(app.ctx.clock.now() - ago),
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
async fn what_rises_is_taken_by_several_and_more_than_before() {
    let app = TestApp::start().await;
    let mut users = Vec::new();
    for _ in 0..12 {
        users.push(app.viewer(Role::User).await);
    }
    let (favourite, riser) = (app.film("Favourite").await, app.film("Riser").await);
    let (zealous, faller) = (app.film("Zealous").await, app.film("Faller").await);
    let (second, two) = (app.film("Second").await, app.film("Two").await);
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
    did(&app, &users[8..11], second, like, now).await;
    did(&app, &users[9..11], two, like, now).await;
    did(&app, &users[..6], faller, like, TimeDelta::days(2)).await;
    did(&app, &users[..1], faller, dislike, now).await;

    let data = app
        .ask_as(&Viewer::Nobody, TRENDING, json!({ "window": "DAY" }))
        .await;
    let rising = data["trending"].as_array().unwrap();
    let title = |item: &Value| item["content"]["title"].as_str().unwrap().to_owned();
    let all: Vec<String> = rising.iter().map(title).collect();
    // Neither what is taken within its noise, nor what one or two users say, however often, nor what
    // falls.
    assert_eq!(all, ["Riser", "Second"], "{rising:#?}");
    assert_eq!(rising[0]["score"], json!(1.0));
    let number = |item: &Value, field: &str| item[field].as_f64().unwrap();
    let close = |left: f64, right: f64| (left - right).abs() < 1e-5;
    // Eight likes of .7, by users who did something to four items (one), three (five) and two.
    assert!(
        close(
            number(&rising[0], "recent"),
            0.7 * (0.8 + 5.0 * 0.6 + 2.0 * 0.4)
        ),
        "{rising:#?}"
    );
    // One of the seven days before had one.
    assert!(
        close(number(&rising[0], "expected"), 0.7 * 0.8 / 7.0),
        "{rising:#?}"
    );

    let only = json!({ "window": "DAY", "filter": { "title": { "eq": "Second" } } });
    let data = app.ask_as(&Viewer::Nobody, TRENDING, only).await;
    assert_eq!(data["trending"].as_array().unwrap().len(), 1);
    // Three hours later the last hour is empty, while the day is not.
    app.ctx.clock.advance(TimeDelta::hours(3));
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
    assert_eq!(left, ["Second"]);
}
