//! What is taken together.

use chrono::TimeDelta;
use marquee::domain::auth::{Role, Viewer};
use marquee::domain::interactions::{InteractionKind, NewInteraction};
use serde_json::json;

use crate::support::TestApp;
use crate::{Content, group, items, similar, titles};

async fn liked(app: &TestApp, users: &[Viewer], item: Content) {
    for user in users {
        let new = NewInteraction::new(item, InteractionKind::Like);
        app.services.interactions.record(user, new).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_taken_together_is_neither_what_everybody_takes_nor_another_kind_of_thing() {
    let app = TestApp::start().await;
    let mut users = Vec::new();
    for _ in 0..24 {
        users.push(app.viewer(Role::User).await);
    }
    let (cult, companion) = (app.film("Cult").await, app.film("Companion").await);
    let (hit, odd) = (app.film("Hit").await, app.film("Odd").await);
    let document = r#"mutation { createContent(input: { kind: PRODUCT, title: "Mug", price: "9.00", currency: "EUR" }) {
        content { id } } }"#;
    let data = app.ask_as(&Viewer::Command, document, json!({})).await;
    let mug: Content = data["createContent"]["content"]["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    // Eight take the cult film; seven of them and one other take its companion. All but two take
    // the hit, and two of the eight happen to take a third thing.
    liked(&app, &users[..8], cult).await;
    liked(&app, &users[1..9], companion).await;
    liked(&app, &users[..22], hit).await;
    liked(&app, &users[..2], odd).await;
    liked(&app, &users[..8], mug).await;

    let found = similar(&app, &["Cult"]).await;
    let together = group(&found, "BOUGHT_TOGETHER");
    assert_eq!(titles(together), ["Companion"], "{together:#}");
    let only = &items(together)[0];
    let why = "7 of 8 who took “Cult” took it, too";
    assert_eq!(only["explanation"], why);
    // On a scale of its own: the best of a weak lot is not the best there can be.
    let score = only["score"].as_f64().unwrap();
    assert!((0.5..0.8).contains(&score), "{score}");
}

/// Of ratings the last counts: whoever rated the film down again is no taker of it, and a companion
/// that was given back is not taken.
#[tokio::test]
async fn what_was_taken_back_is_not_taken_together() {
    let app = TestApp::start().await;
    let mut users = Vec::new();
    for _ in 0..24 {
        users.push(app.viewer(Role::User).await);
    }
    let (cult, companion) = (app.film("Cult").await, app.film("Companion").await);
    let (regretted, hit) = (app.film("Regretted").await, app.film("Hit").await);
    liked(&app, &users, hit).await;
    liked(&app, &users[..7], companion).await;
    let did = async |user: &Viewer, item, kind, value| {
        let new = NewInteraction {
            value,
            ..NewInteraction::new(item, kind)
        };
        app.services.interactions.record(user, new).await.unwrap();
        // The clock stands still, and what comes later must be later.
        app.ctx.clock.advance(TimeDelta::seconds(1));
    };
    for user in &users[..9] {
        did(user, cult, InteractionKind::Rating, Some(5.0)).await;
        did(user, regretted, InteractionKind::Purchase, None).await;
        did(user, regretted, InteractionKind::Return, None).await;
        did(user, regretted, InteractionKind::View, None).await;
    }
    // The sum of both ratings still speaks for the film.
    did(&users[8], cult, InteractionKind::Rating, Some(2.0)).await;

    let found = similar(&app, &["Cult"]).await;
    let together = group(&found, "BOUGHT_TOGETHER");
    assert_eq!(titles(together), ["Companion"], "{together:#}");
    let why = "7 of 8 who took “Cult” took it, too";
    assert_eq!(items(together)[0]["explanation"], why);
}
