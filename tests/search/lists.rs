//! Searches and lists that are about a query: one ranking, computed once.

use std::ops::ControlFlow;

use marquee::domain::auth::{Role, Viewer};
use marquee::domain::search::SearchRequest;
use marquee::foundation::page::Window;
use marquee::platform::cache::CacheKind;
use serde_json::{Value, json};

use crate::support::{TestApp, settings};
use crate::{indexed, search_as, titles};

/// The demo with a space learnt from it, with this weight of the query.
async fn weighing(query: f32) -> TestApp {
    let mut settings = settings();
    settings.blend.query = query;
    let app = TestApp::with(settings).await;
    app.services.demo.load(&Viewer::Command).await.unwrap();
    indexed(&app).await;
    let embeddings = &app.services.embeddings;
    let trained = embeddings.train(&Viewer::Command, |_| ControlFlow::Continue(()));
    trained.await.unwrap();
    embeddings.refresh().await.unwrap();
    app
}

async fn liking(app: &TestApp, names: &[&str]) -> Viewer {
    let mut liked = Vec::new();
    for name in names {
        let request = SearchRequest::new(*name);
        let window = Window::first(1);
        let found = app
            .services
            .search
            .search(&Viewer::Nobody, &request, &window);
        liked.push(found.await.unwrap().hits[0].content);
    }
    app.user("Kei").likes(liked).await
}

async fn listed(app: &TestApp, viewer: &Viewer, query: &str) -> Vec<(String, f64)> {
    let document =
        "query ($query: String!) { recommendations(context: SEARCH, query: $query, first: 30) {
        items { score content { title } } } }";
    let data = app
        .ask_as(viewer, document, json!({ "query": query }))
        .await;
    let items = data["recommendations"]["items"].as_array().unwrap();
    let item = |item: &Value| {
        let title = item["content"]["title"].as_str().unwrap().to_owned();
        (title, item["score"].as_f64().unwrap())
    };
    items.iter().map(item).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_and_a_list_about_its_query_have_the_same_items_in_the_same_order() {
    let app = weighing(0.2).await;
    // What was liked is found as well.
    let user = liking(&app, &["Seven Samurai", "Rio Bravo"]).await;
    let stranger = app.viewer(Role::User).await;
    for query in [
        "samurai",
        "seven samurai",
        "love",
        "heat",
        "films about robots in space",
        "movies like alien",
        "kurosava",
    ] {
        for viewer in [&user, &stranger] {
            let found = search_as(&app, viewer, json!({ "query": query, "first": 30 })).await;
            let list = listed(&app, viewer, query).await;
            let listed: Vec<&str> = list.iter().map(|(title, _)| title.as_str()).collect();
            assert!(!listed.is_empty(), "{query}");
            assert_eq!(titles(&found), listed, "{query}");
            for (edge, (title, score)) in found["edges"].as_array().unwrap().iter().zip(&list) {
                let own = edge["score"].as_f64().unwrap();
                assert!(
                    (own - score).abs() < 1e-5,
                    "{query}, {title}: {own} {score}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_and_a_list_about_its_query_are_computed_once() {
    let app = weighing(0.7).await;
    let user = liking(&app, &["Seven Samurai"]).await;
    let counted = async || {
        let all = app.services.caching.statistics(&Viewer::Command).await;
        let mut all = all.unwrap().into_iter();
        let of = all.find(|one| one.kind == CacheKind::Searches).unwrap();
        (of.entries, of.misses, of.process_hits)
    };
    let before = counted().await;
    search_as(&app, &user, json!({ "query": "samurai" })).await;
    let first = counted().await;
    assert_eq!((first.0, first.1), (before.0 + 1, before.1 + 1));
    listed(&app, &user, "samurai").await;
    search_as(&app, &user, json!({ "query": "samurai" })).await;
    let then = counted().await;
    assert_eq!((then.0, then.1), (first.0, first.1), "one entry");
    assert_eq!(then.2, first.2 + 2, "found twice");
    // Another taste is another ranking.
    let other = app.viewer(Role::User).await;
    search_as(&app, &other, json!({ "query": "samurai" })).await;
    assert_eq!(counted().await.1, then.1 + 1);
    // And what was cleared is computed again.
    app.services
        .caching
        .clear(&Viewer::Command, Some(CacheKind::Searches))
        .await
        .unwrap();
    search_as(&app, &user, json!({ "query": "samurai" })).await;
    assert_eq!(counted().await.1, then.1 + 2);
}
