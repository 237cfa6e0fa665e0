//! Words and meaning fused, and the viewer's taste in it, with a meaning and a taste that are made
//! for the test.

use std::sync::Arc;

use futures::FutureExt;
use marquee::domain::auth::{Role, Viewer};
use marquee::domain::content::{ContentKind, Fields};
use marquee::domain::search::model::{Meaning, Source, Taste, Tastes};
use marquee::domain::search::{Mode, Request, SearchService};
use marquee::foundation::page::Window;

use crate::support::TestApp;

/// Means these titles, the nearest first, whatever is asked.
async fn meaning(app: &TestApp, titles: &'static [(&'static str, f32)]) -> Meaning {
    let shelf = app.services.content.shelf().await.unwrap().clone();
    Arc::new(move |_, most, allowed| {
        let items = shelf.read();
        let near = titles.iter().filter_map(|(title, similarity)| {
            let (slot, _) = items.iter().find(|(_, entry)| &*entry.title == *title)?;
            allowed(slot).then_some((slot, *similarity))
        });
        let near: Vec<_> = near.take(most).collect();
        futures::future::ready(Ok(near)).boxed()
    })
}

/// Likes this title and nothing else.
async fn tastes(app: &TestApp, title: &'static str) -> Tastes {
    let shelf = app.services.content.shelf().await.unwrap().clone();
    Arc::new(move |_| {
        let shelf = shelf.clone();
        let taste: Taste = Arc::new(move |slot| {
            let items = shelf.read();
            f32::from(u8::from(
                items
                    .entry(slot)
                    .is_some_and(|entry| &*entry.title == title),
            ))
        });
        futures::future::ready(Ok(Some(taste))).boxed()
    })
}

async fn catalogue() -> TestApp {
    let app = TestApp::start().await;
    for (title, description) in [
        ("Metal Hearts", "robots fall in love"),
        ("Tin Soldiers", "robots at war, robots in peace"),
        ("Androids", "machines that think"),
        ("Robots", "a documentary"),
        ("Gardens", "roses"),
    ] {
        let mut fields = Fields::new(ContentKind::Movie, title);
        fields.description = description.to_owned();
        let made = app
            .services
            .content
            .create(&Viewer::Command, fields, Vec::new());
        made.await.unwrap();
    }
    app
}

async fn search(
    app: &TestApp,
    service: &SearchService,
    viewer: &Viewer,
    request: &Request,
) -> Vec<(String, f32, Vec<(Source, usize)>)> {
    let page = service
        .search(viewer, request, &Window::first(10))
        .await
        .unwrap();
    let shelf = app.services.content.shelf().await.unwrap().read();
    let hits = page.hits.into_iter().map(|hit| {
        let title = shelf.find(hit.content).unwrap().title.to_string();
        (title, hit.score, hit.sources)
    });
    hits.collect()
}

const NEAR: &[(&str, f32)] = &[("Androids", 0.9), ("Metal Hearts", 0.8), ("Gardens", 0.1)];

#[tokio::test(flavor = "multi_thread")]
async fn what_words_and_meaning_find_is_fused_by_rank() {
    let app = catalogue().await;
    let service = SearchService::new(&app.ground, app.services.content.clone());
    let service = service.with_meaning(meaning(&app, NEAR).await);
    let mut request = Request::new("robot");
    let found = search(&app, &service, &Viewer::Nobody, &request).await;
    let titles: Vec<_> = found.iter().map(|(title, ..)| title.as_str()).collect();
    // Found by both before found by one; roses are too far from it.
    assert_eq!(titles[0], "Metal Hearts");
    assert!(
        titles.contains(&"Androids") && !titles.contains(&"Gardens"),
        "{titles:?}"
    );
    assert_eq!(found.len(), 4);
    let (_, score, sources) = &found[0];
    let by_words = sources
        .iter()
        .find(|(source, _)| *source == Source::Words)
        .unwrap()
        .1;
    assert!(sources.contains(&(Source::Meaning, 2)));
    let expected = (1.0 / (60.0 + by_words as f32) + 1.0 / 62.0) / (2.0 / 61.0);
    assert!((score - expected).abs() < 1e-6, "{score} {expected}");
    request.mode = Mode::Words;
    let found = search(&app, &service, &Viewer::Nobody, &request).await;
    assert_eq!(found.len(), 3);
    request.mode = Mode::Meaning;
    let found = search(&app, &service, &Viewer::Nobody, &request).await;
    let titles: Vec<_> = found.iter().map(|(title, ..)| title.as_str()).collect();
    assert_eq!(titles, ["Androids", "Metal Hearts"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_called_by_its_name_comes_first() {
    let app = catalogue().await;
    let service = SearchService::new(&app.ground, app.services.content.clone());
    let service = service.with_meaning(meaning(&app, NEAR).await);
    let service = service.with_tastes(tastes(&app, "Metal Hearts").await);
    let user = app.viewer(Role::User).await;
    for viewer in [&Viewer::Nobody, &user] {
        let found = search(&app, &service, viewer, &Request::new("robots")).await;
        assert_eq!((found[0].0.as_str(), found[0].1), ("Robots", 1.0));
        assert!(found.is_sorted_by(|a, b| a.1 >= b.1), "{found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_taste_of_the_viewer_makes_three_tenths_of_the_score() {
    let app = catalogue().await;
    let service = SearchService::new(&app.ground, app.services.content.clone());
    let service = service.with_tastes(tastes(&app, "Metal Hearts").await);
    let user = app.viewer(Role::User).await;
    let mut request = Request::new("robot");
    let page = service
        .search(&user, &request, &Window::first(10))
        .await
        .unwrap();
    assert!(page.draw.personalised);
    let first = &page.hits[0];
    assert_eq!(first.taste, Some(1.0));
    for hit in &page.hits {
        let expected = 0.7 * hit.relevance + 0.3 * hit.taste.unwrap();
        assert!((hit.score - expected).abs() < 1e-6, "{hit:?}");
    }
    // Neither for nobody nor for who would rather not.
    request.personalise = false;
    for (viewer, personalise) in [(&user, false), (&Viewer::Nobody, true)] {
        request.personalise = personalise;
        let page = service
            .search(viewer, &request, &Window::first(10))
            .await
            .unwrap();
        assert!(!page.draw.personalised && page.hits.iter().all(|hit| hit.taste.is_none()));
    }
}
