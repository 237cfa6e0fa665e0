//! Search, on the demo and on made data: what is found, counted, paged, marked and refused.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

#[path = "../support/mod.rs"]
mod support;

mod codes;
mod counts;
mod fresh;
mod fused;
mod hidden;
mod lists;
mod meant;
mod pages;
mod products;
mod quality;
mod quoted;
mod words;

use marquee::domain::auth::Viewer;
use marquee::domain::search::SearchRequest;
use marquee::foundation::page::Window;
use serde_json::{Value, json};
use support::TestApp;

/// The demo, loaded.
pub async fn demo() -> TestApp {
    let app = TestApp::start().await;
    let loaded = app.services.demo.load(&Viewer::Command).await;
    loaded.unwrap().unwrap();
    indexed(&app).await;
    app
}

/// Waits until everything can be found, however busy the machine is: a search itself waits for a few seconds.
pub async fn indexed(app: &TestApp) {
    let search = &app.services.search;
    search.preload().await.unwrap();
    while !search.progress().unwrap().complete {
        // It waits for the index as every search does.
        let one = SearchRequest::new("");
        let window = Window::first(1);
        search.search(&Viewer::Nobody, &one, &window).await.unwrap();
    }
}

/// The first items found for `query`, by anybody.
pub async fn search(app: &TestApp, query: &str) -> Value {
    search_with(app, json!({ "query": query })).await
}

/// The same with other arguments.
pub async fn search_with(app: &TestApp, variables: Value) -> Value {
    search_as(app, &Viewer::Nobody, variables).await
}

/// The same by somebody.
pub async fn search_as(app: &TestApp, viewer: &Viewer, variables: Value) -> Value {
    let document = "query ($query: String!, $filter: ContentFilter, $mode: SearchMode! = WORDS_AND_MEANING,
                           $orderBy: ContentOrder, $first: Int = 20, $after: String) {
        search(query: $query, filter: $filter, mode: $mode, orderBy: $orderBy, first: $first, after: $after) {
            edges { cursor rank score relevance taste sources { source rank }
                    node { id title kind genres tags description year }
                    highlights { field html parts { text marked } } }
            pageInfo { hasNextPage endCursor } totalCount complete didYouMean weights { query longTerm } } }";
    let mut data = app.ask_as(viewer, document, variables).await;
    data["search"].take()
}

/// The titles of what was found.
pub fn titles(found: &Value) -> Vec<&str> {
    let edges = found["edges"].as_array().unwrap().iter();
    edges
        .map(|edge| edge["node"]["title"].as_str().unwrap())
        .collect()
}
