//! Words and meaning fused, and the viewer's taste in it, on the demo with a space learnt from it.

use std::ops::ControlFlow;

use marquee::domain::auth::{Role, Viewer};
use marquee::domain::interactions::{InteractionKind, NewInteraction};
use marquee::domain::search::model::{SearchHit, SearchSource};
use marquee::domain::search::{SearchMode, SearchPage, SearchRequest};
use marquee::foundation::page::Window;
use serde_json::json;

use crate::support::{TestApp, settings};
use crate::{demo, indexed, search, search_as, titles};

async fn learnt() -> TestApp {
    let app = demo().await;
    learn(&app).await;
    app
}

async fn learn(app: &TestApp) {
    let trained = app
        .services
        .embeddings
        .train(&Viewer::Command, |_| ControlFlow::Continue(()));
    trained.await.unwrap();
    app.services.embeddings.refresh().await.unwrap();
}

async fn page(app: &TestApp, viewer: &Viewer, request: &SearchRequest) -> SearchPage {
    let search = &app.services.search;
    let found = search.search(viewer, request, &Window::first(100)).await;
    found.unwrap()
}

/// The rank that `source` gave, if it found the item.
fn rank(hit: &SearchHit, source: SearchSource) -> Option<usize> {
    let found = hit.sources.iter().find(|(by, _)| *by == source);
    found.map(|(_, rank)| *rank)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_space_shows_in_the_next_search() {
    let app = demo().await;
    let request = SearchRequest::new("films about robots in space");
    let by_meaning = |found: SearchPage| {
        let mut hits = found.hits.into_iter();
        hits.any(|hit| rank(&hit, SearchSource::Meaning).is_some())
    };
    assert!(!by_meaning(page(&app, &Viewer::Nobody, &request).await));
    learn(&app).await;
    assert!(by_meaning(page(&app, &Viewer::Nobody, &request).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn items_with_all_words_come_first_and_meaning_fills_up_by_rank() {
    let app = learnt().await;
    let mut request = SearchRequest::new("films about robots in space");
    let both = page(&app, &Viewer::Nobody, &request).await;
    let by_rank = |rank: usize| 1.0 - (rank as f32).ln() / 1001_f32.ln();
    request.mode = SearchMode::Words;
    let words_alone = page(&app, &Viewer::Nobody, &request).await;
    let all = words_alone
        .hits
        .iter()
        .take_while(|hit| hit.score >= 0.65)
        .count();
    assert!((3..100).contains(&all));
    for hit in &both.hits {
        let part = |rank: Option<usize>| rank.map_or(0.0, by_rank);
        let words = rank(hit, SearchSource::Words);
        let expected = match words.filter(|rank| *rank <= all) {
            Some(rank) => 0.65 + 0.35 * by_rank(rank),
            None => {
                let some = part(words.map(|rank| rank - all));
                let meaning = part(rank(hit, SearchSource::Meaning));
                let speak = if words_alone.hits.len() > all {
                    2.0
                } else {
                    1.0
                };
                0.35 * (some + meaning) / speak
            }
        };
        assert!((hit.score - expected).abs() < 1e-5, "{hit:?} {expected}");
        assert!(hit.score <= 1.0);
    }
    // What words can answer is answered as by words alone.
    let order = |page: &SearchPage| -> Vec<_> {
        page.hits.iter().take(all).map(|hit| hit.content).collect()
    };
    assert_eq!(order(&both), order(&words_alone));
    request.mode = SearchMode::WordsAndMeaning;
    assert!(both.hits.is_sorted_by(|a, b| a.score >= b.score));
    // Each side finds what the other does not.
    let alone = |one, other| {
        let only = |hit: &&SearchHit| rank(hit, one).is_some() && rank(hit, other).is_none();
        both.hits.iter().filter(only).count()
    };
    assert!(alone(SearchSource::Words, SearchSource::Meaning) > 0);
    assert!(alone(SearchSource::Meaning, SearchSource::Words) > 0);
    request.mode = SearchMode::Words;
    let words = page(&app, &Viewer::Nobody, &request).await;
    assert!(
        words
            .hits
            .iter()
            .all(|hit| rank(hit, SearchSource::Meaning).is_none())
    );
    request.mode = SearchMode::Meaning;
    let meaning = page(&app, &Viewer::Nobody, &request).await;
    assert!(!meaning.hits.is_empty());
    assert!(
        meaning
            .hits
            .iter()
            .all(|hit| rank(hit, SearchSource::Words).is_none())
    );
    assert!(both.results.total() <= words.results.total() + meaning.results.total());
}

#[tokio::test(flavor = "multi_thread")]
async fn films_about_robots_in_space_are_found_by_what_they_mean() {
    let app = learnt().await;
    let found = search(&app, "films about robots in space").await;
    let mut silent = 0;
    for edge in &found["edges"].as_array().unwrap()[..10] {
        let said = edge["node"].to_string().to_lowercase();
        assert!(said.contains("science fiction"), "{edge:#}");
        assert!(!said.contains("robots in space"));
        silent += usize::from(!(said.contains("robot") && said.contains("space")));
    }
    assert!(
        silent > 0,
        "some mean it and do not say it: {:?}",
        titles(&found)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_called_by_its_name_comes_first() {
    let app = learnt().await;
    for title in ["Alien", "Moon", "Ran", "The Thing", "Stagecoach"] {
        let found = search(&app, title).await;
        assert_eq!(titles(&found)[0], title);
        assert_eq!(found["edges"][0]["score"], 1.0);
    }
    // A typing error is put right before its meaning is asked for.
    assert_eq!(titles(&search(&app, "incepton").await)[0], "Inception");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_somebody_with_a_taste_go_on_though_it_moves_in_between() {
    let app = learnt().await;
    let user = app.viewer(Role::User).await;
    let like = async |title: &str| {
        let found = page(&app, &Viewer::Nobody, &SearchRequest::new(title)).await;
        let like = NewInteraction::new(found.hits[0].content, InteractionKind::Like);
        app.services.interactions.record(&user, like).await.unwrap();
    };
    like("Rio Bravo").await;
    let (mut met, mut after) = (Vec::new(), json!(null));
    let moves = ["Alien", "Ran", "Moon", "Stagecoach", "The Thing", "Ikiru"];
    for title in moves.into_iter().cycle() {
        let variables = json!({ "query": "love", "first": 5, "after": after });
        let found = search_as(&app, &user, variables).await;
        met.extend(titles(&found).into_iter().map(str::to_owned));
        if found["pageInfo"]["hasNextPage"] == false {
            assert_eq!(found["totalCount"], met.len());
            break;
        }
        after = found["pageInfo"]["endCursor"].clone();
        // Elsewhere the same is searched by another taste.
        like(title).await;
        search_as(&app, &user, json!({ "query": "love", "first": 5 })).await;
    }
    let unique: std::collections::HashSet<_> = met.iter().collect();
    assert_eq!(unique.len(), met.len(), "an item came twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_taste_of_the_viewer_makes_three_tenths_of_the_score() {
    let app = learnt().await;
    let user = app.viewer(Role::User).await;
    let mut request = SearchRequest::new("love");
    let before = page(&app, &user, &request).await;
    assert!(!before.results.personalised, "nothing is known of them");
    for title in ["Rio Bravo", "Stagecoach", "The Searchers", "High Noon"] {
        let found = page(&app, &Viewer::Nobody, &SearchRequest::new(title)).await;
        let like = NewInteraction::new(found.hits[0].content, InteractionKind::Like);
        app.services.interactions.record(&user, like).await.unwrap();
    }
    let after = page(&app, &user, &request).await;
    assert!(after.results.personalised);
    for hit in &after.hits {
        let expected = 0.7 * hit.relevance + 0.3 * hit.affinity.unwrap();
        assert!((hit.score - expected).abs() < 1e-6, "{hit:?}");
    }
    let order = |page: &SearchPage| -> Vec<_> { page.hits.iter().map(|hit| hit.content).collect() };
    assert_ne!(order(&before), order(&after));
    // Not for those who would rather not.
    request.personalise = false;
    let plain = page(&app, &user, &request).await;
    assert!(plain.hits.iter().all(|hit| hit.affinity.is_none()));
    assert_eq!(order(&before), order(&plain));
}

/// Two blends stood under one setting: lists used it, searches their own.
#[tokio::test(flavor = "multi_thread")]
async fn one_setting_says_how_much_the_query_counts_in_searches_and_in_lists() {
    let mut settings = settings();
    settings.blend.query = 0.2;
    let app = TestApp::with(settings).await;
    app.services.demo.load(&Viewer::Command).await.unwrap();
    indexed(&app).await;
    learn(&app).await;
    let found = page(&app, &Viewer::Nobody, &SearchRequest::new("Seven Samurai")).await;
    let user = app.user("Kei").likes([found.hits[0].content]).await;

    let found = search_as(&app, &user, json!({ "query": "samurai" })).await;
    let weight = found["weights"]["query"].as_f64().unwrap();
    assert!((weight - 0.2).abs() < 1e-6, "{weight}");
    let document = r#"{ recommendations(context: SEARCH, query: "samurai", first: 5) {
        blendWeights { source weight } } }"#;
    let list = app.ask_as(&user, document, json!({})).await;
    let weights = &list["recommendations"]["blendWeights"];
    assert_eq!(weights[0]["source"], "QUERY");
    let weight = weights[0]["weight"].as_f64().unwrap();
    assert!((weight - 0.2).abs() < 1e-6, "{weights}");
}
