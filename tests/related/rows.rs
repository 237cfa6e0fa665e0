//! Rows for a front page.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use marquee::domain::auth::{Role, Scope, Viewer};
use marquee::domain::interactions::{InteractionKind, NewInteraction};
use marquee::foundation::{Id, id};
use serde_json::json;
use uuid::Uuid;

use crate::support::{TestApp, until};
use crate::{Content, demo, items, similar, with};

const BECAUSE: &str = "query ($user: ID, $rows: Int, $first: Int) {
    because(userId: $user, rows: $rows, first: $first) {
        title genre because { id title } items { score explanation content { id title genres } } } }";

async fn user_of(app: &TestApp, key: &str) -> Id<id::User> {
    let user: Uuid = sqlx::query_scalar("SELECT id FROM users WHERE external_id = $1")
        .bind(key)
        .fetch_one(app.ctx.db.pool())
        .await
        .unwrap();
    user.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_come_from_the_latest_likings_and_share_nothing() {
    let app = demo().await;
    let user = user_of(&app, "user").await;
    let variables = json!({ "user": user, "rows": 5, "first": 8 });
    let data = app
        .ask_as(&Viewer::Command, BECAUSE, variables.clone())
        .await;
    let rows = data["because"].as_array().unwrap();
    assert_eq!(rows.len(), 5, "{rows:#?}");
    let taken: Vec<Uuid> = sqlx::query_scalar(
        "SELECT content_id FROM interactions JOIN interaction_weights USING (kind)
              WHERE user_id = $1 AND exclude_for_seconds IS NULL",
    )
    .bind(user.uuid())
    .fetch_all(app.ctx.db.pool())
    .await
    .unwrap();
    let mut met = BTreeSet::new();
    for row in rows {
        assert!(!items(row).is_empty());
        for item in items(row) {
            let id: Content = item["content"]["id"].as_str().unwrap().parse().unwrap();
            assert!(!taken.contains(&id.uuid()), "taken already: {item:#}");
            assert!(met.insert(id), "in two rows: {item:#}");
        }
    }
    for row in &rows[..4] {
        let title = row["because"]["title"].as_str().unwrap();
        let start = row["title"].as_str().unwrap();
        assert!(
            start.starts_with("Because you ") && start.contains(title),
            "{start}"
        );
    }
    let last = &rows[4];
    let genre = last["genre"].as_str().unwrap();
    assert_eq!(last["title"], format!("Popular in {genre}"));
    assert_eq!(with(last, "genres", genre), items(last).len());

    // What they like now heads the page, and what they take leaves it.
    let western = similar(&app, &["Rio Bravo"]).await["about"][0]["id"].clone();
    let western: Content = western.as_str().unwrap().parse().unwrap();
    let shown: Content = items(&rows[0])[0]["content"]["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    for (content, kind) in [
        (shown, InteractionKind::Dislike),
        (western, InteractionKind::Like),
    ] {
        app.ctx.clock.advance(TimeDelta::seconds(1));
        let new = NewInteraction {
            user: Some(user.into()),
            ..NewInteraction::new(content, kind)
        };
        let interactions = &app.services.interactions;
        interactions.record(&Viewer::Command, new).await.unwrap();
    }
    let data = app.ask_as(&Viewer::Command, BECAUSE, variables).await;
    let rows = data["because"].as_array().unwrap();
    assert_eq!(rows[0]["title"], "Because you liked “Rio Bravo”");
    assert!(with(&rows[0], "genres", "Western") >= 5, "{:#}", rows[0]);
    let all = json!(rows.iter().map(|row| &row["items"]).collect::<Vec<_>>());
    assert!(!all.to_string().contains(&shown.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_gets_what_is_popular_and_nobody_reads_anothers_rows() {
    let app = demo().await;
    let newcomer = app.viewer(Role::User).await;
    let data = app.ask_as(&newcomer, BECAUSE, json!({})).await;
    let rows = data["because"].as_array().unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["title"], "Popular these days");
    assert_eq!(items(&rows[0]).len(), 10);
    let others = json!({ "user": user_of(&app, "user").await });
    assert_eq!(
        app.code_as(&newcomer, BECAUSE, others.clone()).await,
        "FORBIDDEN"
    );
    assert_eq!(
        app.code_as(&Viewer::Nobody, BECAUSE, others.clone()).await,
        "UNAUTHENTICATED"
    );
    app.ask_as(&app.app(&[Scope::RecommendationsRead]), BECAUSE, others)
        .await;
    let unknown = json!({ "user": Id::<id::User>::from(Uuid::from_u128(7)) });
    assert_eq!(
        app.code_as(&Viewer::Command, BECAUSE, unknown).await,
        "NOT_FOUND"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_goes_with_what_it_comes_from_and_is_called_as_that_is_now() {
    let app = demo().await;
    let other = app.twin().await;
    let user = user_of(&app, "user").await;
    let variables = json!({ "user": user, "rows": 3, "first": 5 });
    let rows = async |app: &TestApp| {
        let data = app.ask_as(&Viewer::Command, BECAUSE, variables.clone());
        let because = data.await["because"].take();
        let rows = because.as_array().unwrap().iter();
        let told = |row: &serde_json::Value| {
            let id = row["because"]["id"].as_str().map(str::to_owned);
            (row["title"].as_str().unwrap().to_owned(), id)
        };
        rows.map(told).collect::<Vec<_>>()
    };
    let before = rows(&app).await;
    assert_eq!(rows(&other).await, before);
    let source = |row: usize| -> Content { before[row].1.as_ref().unwrap().parse().unwrap() };
    let content = &app.services.content;
    let renamed = content.update(&Viewer::Command, source(0), None, |fields| {
        fields.title = "Its other name".to_owned();
    });
    renamed.await.unwrap();
    content.delete(&Viewer::Command, source(1)).await.unwrap();
    let gone = source(1).to_string();
    let as_now = |rows: &Vec<(String, Option<String>)>| {
        rows[0].0.ends_with("“Its other name”")
            && rows.iter().all(|(_, id)| id.as_ref() != Some(&gone))
    };
    let now = rows(&app).await;
    assert!(as_now(&now), "{now:#?}");
    until(&app, async || rows(&other).await, as_now).await;
}
