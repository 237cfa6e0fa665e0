//! What is like an item, rows of a front page, what rises, and what became of lists.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

#[path = "../support/mod.rs"]
mod support;

mod feedback;
mod rows;
mod similar;
mod together;
mod trending;

use std::ops::ControlFlow;

use marquee::domain::auth::Viewer;
use marquee::foundation::{Id, id};
use serde_json::{Value, json};
use support::TestApp;

type Content = Id<id::Content>;

/// The demo with its space.
async fn demo() -> TestApp {
    let app = TestApp::start().await;
    let loaded = app.services.demo.load(&Viewer::Command).await.unwrap();
    assert!(loaded.is_some());
    let go_on = |_| ControlFlow::Continue(());
    let trained = app.services.embeddings.train(&Viewer::Command, go_on);
    trained.await.unwrap();
    app
}

const SIMILAR: &str = "query ($titles: [String!], $item: ID, $first: Int, $kinds: [SimilarKind!]) {
    similar(titles: $titles, contentId: $item, first: $first, kinds: $kinds) {
        about { id title }
        notFound { title suggestions { title } }
        groups { kind title items { score explanation
            content { id kind title year genres directors { name } credits(roles: [CAST]) { person { name } } } } } } }";

async fn similar(app: &TestApp, titles: &[&str]) -> Value {
    let variables = json!({ "titles": titles, "first": 10 });
    let mut data = app.ask_as(&Viewer::Nobody, SIMILAR, variables).await;
    data["similar"].take()
}

fn group<'a>(similar: &'a Value, kind: &str) -> &'a Value {
    let groups = similar["groups"].as_array().unwrap();
    let group = groups.iter().find(|group| group["kind"] == kind);
    group.unwrap_or_else(|| panic!("no {kind} in {similar:#}"))
}

fn items(group: &Value) -> &[Value] {
    group["items"].as_array().unwrap()
}

fn titles(group: &Value) -> Vec<&str> {
    let all = items(group).iter();
    all.map(|item| item["content"]["title"].as_str().unwrap())
        .collect()
}

/// In how many items the list of this field has the value.
fn with(group: &Value, field: &str, value: &str) -> usize {
    let has = |item: &&Value| {
        let list = item["content"][field].as_array().unwrap();
        list.iter()
            .any(|one| one == value || one["name"] == value || one["person"]["name"] == value)
    };
    items(group).iter().filter(has).count()
}
