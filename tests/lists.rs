//! What a caller can ask of a list, and how lists follow what their users do, on the demo.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

mod support;

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use chrono::TimeDelta;
use marquee::domain::auth::{Role, Viewer};
use marquee::domain::interactions::{InteractionKind, NewInteraction};
use marquee::domain::recommendations::training::TrainingOptions;
use marquee::foundation::{Id, id};
use marquee::platform::config::Settings;
use serde_json::{Value, json};
use support::{TestApp, settings};

const LIST: &str = "query ($context: RecommendationContext, $contentId: ID, $query: String, $first: Int,
        $after: String, $filter: ContentFilter, $boost: [BoostInput!], $exclude: [ID!],
        $pin: [PinInput!], $diversity: Float, $minScore: Float, $fallback: [RecommendationSource!]) {
    recommendations(context: $context, contentId: $contentId, query: $query, first: $first,
        after: $after, filter: $filter, boost: $boost, exclude: $exclude, pin: $pin,
        diversity: $diversity, minScore: $minScore, fallback: $fallback) {
        id context totalCount model { version } embedding { version }
        blendWeights { source weight }
        freshness { modelAgeSeconds eventsApplied eventsSinceModel lastEventAt }
        pageInfo { hasNextPage endCursor }
        items { rank score sources contributions { source score weight }
            reasons { source message because { title } }
            content { id title year genres language directors { name } } } } }";

/// The demo, loaded, trained on and placed in a space of what it is about.
async fn demo() -> TestApp {
    demo_with(settings()).await
}

/// The demo, trained and embedded, with these settings.
async fn demo_with(settings: Settings) -> TestApp {
    let app = TestApp::with(settings).await;
    let services = &app.services;
    services.demo.load(&Viewer::Command).await.unwrap();
    let go_on = |_| ControlFlow::Continue(());
    let trained =
        services
            .recommendations
            .train(&Viewer::Command, TrainingOptions::default(), go_on);
    trained.await.unwrap();
    let go_on = |_| ControlFlow::Continue(());
    services
        .embeddings
        .train(&Viewer::Command, go_on)
        .await
        .unwrap();
    app
}

async fn list(app: &TestApp, viewer: &Viewer, variables: Value) -> Value {
    app.ask_as(viewer, LIST, variables).await["recommendations"].take()
}

async fn refused(app: &TestApp, viewer: &Viewer, variables: Value) -> String {
    let response = app.run_as(viewer, LIST, variables).await;
    let error = &response["errors"][0];
    assert_eq!(
        error["extensions"]["code"], "BAD_USER_INPUT",
        "{response:#}"
    );
    error["message"].as_str().unwrap().to_owned()
}

fn items(list: &Value) -> &Vec<Value> {
    list["items"].as_array().unwrap()
}

fn titles(list: &Value) -> Vec<&str> {
    let titles = items(list).iter();
    titles
        .filter_map(|item| item["content"]["title"].as_str())
        .collect()
}

fn with_genre(list: &Value, genre: &str) -> usize {
    let of_genre = |item: &&Value| {
        let genres = item["content"]["genres"].as_array().unwrap();
        genres.iter().any(|name| name == genre)
    };
    items(list).iter().filter(of_genre).count()
}

async fn film(app: &TestApp, title: &str) -> Id<id::Content> {
    let id: uuid::Uuid = sqlx::query_scalar("SELECT id FROM content_items WHERE title = $1")
        .bind(title)
        .fetch_one(app.ctx.db.pool())
        .await
        .unwrap();
    id.into()
}

async fn did(app: &TestApp, viewer: &Viewer, title: &str, kind: InteractionKind) {
    let new = NewInteraction::new(film(app, title).await, kind);
    app.services.interactions.record(viewer, new).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_follows_what_its_user_does_from_the_next_request_on() {
    let app = demo().await;
    let user = app.viewer(Role::User).await;

    // Nobody knows them: what is popular.
    let new = list(&app, &user, json!({ "first": 20 })).await;
    assert_eq!(new["blendWeights"], json!([]));
    assert!(
        items(&new)
            .iter()
            .all(|item| item["sources"] == json!(["POPULAR"]))
    );
    assert_eq!(new["freshness"]["eventsApplied"], 0);
    let westerns_before = with_genre(&new, "Western");

    // Asked again, it is the same list.
    let again = list(&app, &user, json!({ "first": 20 })).await;
    assert_eq!(again["id"], new["id"]);

    let westerns = app
        .ask(
            "{ contents(first: 4, filter: { genres: { has: \"Western\" } },
               orderBy: { field: POPULARITY, direction: DESC }) { nodes { title } } }",
        )
        .await;
    let liked: Vec<String> = westerns["contents"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["title"].as_str().unwrap().to_owned())
        .collect();
    // What is done from here on is newer than the model.
    app.ctx.clock.advance(TimeDelta::seconds(1));
    for title in &liked[..3] {
        did(&app, &user, title, InteractionKind::Like).await;
    }
    let personal = list(&app, &user, json!({ "first": 20 })).await;
    assert_ne!(personal["id"], new["id"]);
    let westerns = with_genre(&personal, "Western");
    assert!(
        westerns >= 10 && westerns > westerns_before,
        "{westerns_before} westerns before, {westerns} after: {:#?}",
        titles(&personal)
    );
    assert!(
        titles(&personal)
            .iter()
            .all(|title| !liked[..3].contains(&(*title).to_owned()))
    );
    assert_eq!(personal["freshness"]["eventsApplied"], 3);
    assert_eq!(personal["freshness"]["eventsSinceModel"], 3);
    assert!(personal["freshness"]["modelAgeSeconds"].as_f64().is_some());
    let message = personal["items"][0]["reasons"][0]["message"]
        .as_str()
        .unwrap();
    assert!(message.starts_with("Because"), "{message}");

    // What they do not like never comes again, here or anywhere in the list.
    let disliked = titles(&personal)[0].to_owned();
    did(&app, &user, &disliked, InteractionKind::Dislike).await;
    let mut after = Value::Null;
    loop {
        let page = list(&app, &user, json!({ "first": 100, "after": after })).await;
        assert!(!titles(&page).contains(&disliked.as_str()));
        if page["pageInfo"]["hasNextPage"] == json!(false) {
            break;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_controls_a_list_by_types() {
    // With the configured weights, so that all sources have a say.
    let mut settings = settings();
    settings.blend.learned = false;
    let app = demo_with(settings).await;
    let user = app.viewer(Role::User).await;
    for title in ["Seven Samurai", "Rashomon", "Ikiru"] {
        did(&app, &user, title, InteractionKind::Like).await;
    }
    let plain = list(&app, &user, json!({ "first": 20 })).await;

    // The weights returned are those used: every score is the weighted sum of its parts.
    let weights = plain["blendWeights"].as_array().unwrap();
    let sum: f64 = weights
        .iter()
        .map(|weight| weight["weight"].as_f64().unwrap())
        .sum();
    assert!((sum - 1.0).abs() < 1e-5, "{weights:?}");
    let sources: Vec<_> = weights
        .iter()
        .map(|weight| weight["source"].as_str().unwrap())
        .collect();
    assert_eq!(sources, ["COLLABORATIVE", "INTERESTS", "SESSION"]);
    let given: Vec<f64> = weights
        .iter()
        .map(|weight| weight["weight"].as_f64().unwrap())
        .collect();
    for (given, expected) in given.iter().zip([0.7, 0.18, 0.12]) {
        assert!((given - expected).abs() < 1e-6, "{given} is not {expected}");
    }
    // A single has nine significant digits at most; one that was only widened shows sixteen.
    let scores = items(&plain).iter().map(|item| &item["score"]);
    for number in weights.iter().map(|it| &it["weight"]).chain(scores) {
        assert!(
            number.to_string().len() <= 12,
            "{number} is not as it was meant"
        );
    }
    let mut fitting = 0;
    for item in items(&plain) {
        let parts = item["contributions"].as_array().unwrap();
        let score: f64 = parts
            .iter()
            .map(|part| {
                let score = part["score"].as_f64().unwrap();
                assert!((0.0..=1.0).contains(&score));
                score * part["weight"].as_f64().unwrap()
            })
            .sum();
        assert!(
            (score - item["score"].as_f64().unwrap()).abs() < 1e-4,
            "{item:#}"
        );
        fitting += usize::from(item["content"]["language"] == "ja");
    }
    assert!(fitting >= 8, "{:#?}", titles(&plain));

    let few = list(
        &app,
        &user,
        json!({ "first": 100, "filter": { "year": { "lt": 1940 } } }),
    )
    .await;
    assert!(!items(&few).is_empty());
    assert!(
        items(&few)
            .iter()
            .all(|item| item["content"]["year"].as_i64().unwrap() < 1940)
    );
    let offered: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM content_items WHERE year < 1940 AND visibility = 'PUBLIC'
            AND coalesce(stock > 0, true) AND coalesce(rights_from <= $1, true)
            AND coalesce(rights_until >= $1, true)",
    )
    .bind(app.ctx.clock.now().date_naive())
    .fetch_one(app.ctx.db.pool())
    .await
    .unwrap();
    assert_eq!(few["totalCount"], offered, "with ANY, all that fit");

    let first = plain["items"][0]["content"]["id"].clone();
    let without = list(&app, &user, json!({ "exclude": [first] })).await;
    assert!(
        items(&without)
            .iter()
            .all(|item| item["content"]["id"] != first)
    );

    let pinned = film(&app, "Stagecoach").await;
    let pin = json!({ "pin": [{ "contentId": pinned, "rank": 3 }], "first": 5 });
    let with_pin = list(&app, &user, pin).await;
    assert_eq!(with_pin["items"][2]["content"]["title"], "Stagecoach");
    assert_eq!(with_pin["items"][2]["sources"][0], "PINNED");

    let boost = json!({ "first": 20, "boost": [
        { "filter": { "genres": { "has": "Horror" } }, "factor": 10.0 } ] });
    let boosted = list(&app, &user, boost).await;
    assert!(with_genre(&boosted, "Horror") > with_genre(&plain, "Horror") + 5);

    let strict = list(&app, &user, json!({ "minScore": 0.9, "first": 100 })).await;
    assert!(
        items(&strict)
            .iter()
            .all(|item| item["score"].as_f64().unwrap() >= 0.9)
    );
    assert!(items(&strict).len() < 100);

    let bare = list(&app, &user, json!({ "fallback": [], "first": 100 })).await;
    let common = ["POPULAR", "NEW", "ANY"];
    assert!(items(&bare).iter().all(|item| {
        let sources = item["sources"].as_array().unwrap();
        sources
            .iter()
            .all(|source| !common.contains(&source.as_str().unwrap()))
    }));

    let diverse = list(&app, &user, json!({ "diversity": 0.8, "first": 20 })).await;
    let makers = |list: &Value| -> HashSet<String> {
        let names = items(list)
            .iter()
            .map(|item| item["content"]["directors"].to_string());
        names.collect()
    };
    assert!(makers(&diverse).len() > makers(&plain).len());
    assert_eq!(diverse["items"][0]["content"]["id"], first);

    // The other occasions.
    let like = json!({ "context": "SIMILAR", "contentId": film(&app, "Stagecoach").await });
    let similar = list(&app, &user, like).await;
    assert!(
        with_genre(&similar, "Western") >= 12,
        "{:#?}",
        titles(&similar)
    );
    assert!(!titles(&similar).contains(&"Stagecoach"));
    let found = list(
        &app,
        &user,
        json!({ "context": "SEARCH", "query": "samurai" }),
    )
    .await;
    assert_eq!(found["items"][0]["sources"][0], "QUERY");
    assert!(
        items(&found)[..3]
            .iter()
            .all(|item| item["content"]["language"] == "ja")
    );
    let category = json!({ "context": "CATEGORY", "filter": { "genres": { "has": "Crime" } } });
    let category = list(&app, &user, category).await;
    assert_eq!(with_genre(&category, "Crime"), items(&category).len());

    // And what cannot be asked is named.
    for (wrong, words) in [
        (json!({ "context": "SIMILAR" }), "contentId"),
        (json!({ "context": "SEARCH" }), "query"),
        (
            json!({ "context": "SEARCH", "query": "x".repeat(10_000) }),
            "500",
        ),
        (json!({ "context": "CATEGORY" }), "filter"),
        (json!({ "diversity": 1.5 }), "diversity"),
        (json!({ "minScore": -0.1 }), "minScore"),
        (json!({ "first": -1 }), "first"),
        (json!({ "after": "nonsense" }), "cursor"),
        (json!({ "fallback": ["SESSION"] }), "POPULAR"),
        (
            json!({ "pin": [{ "contentId": pinned, "rank": 0 }] }),
            "rank",
        ),
    ] {
        let message = refused(&app, &user, wrong.clone()).await;
        assert!(message.contains(words), "{wrong}: {message}");
    }
    let unknown = app
        .run_as(
            &user,
            "{ recommendations(context: MOOD) { id } }",
            json!({}),
        )
        .await;
    assert!(
        unknown["errors"][0]["message"]
            .as_str()
            .unwrap()
            .contains("MOOD")
    );

    // An item that was deleted a moment ago.
    let stagecoach = film(&app, "Stagecoach").await;
    app.services
        .content
        .delete(&Viewer::Command, stagecoach)
        .await
        .unwrap();
    let like = json!({ "context": "SIMILAR", "contentId": stagecoach });
    assert_eq!(app.code_as(&user, LIST, like).await, "NOT_FOUND");
    let all = list(&app, &user, json!({ "first": 100 })).await;
    assert!(!titles(&all).contains(&"Stagecoach"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_items_page_to_their_end_while_others_come_and_act() {
    let app = TestApp::start().await;
    sqlx::query(
        "INSERT INTO content_items (id, kind, title, popularity, created_at, updated_at)
         SELECT gen_random_uuid(), 'MOVIE', 'Film ' || n, n, $1, $1 FROM generate_series(1, 1100) AS n",
    )
    .bind(app.ctx.clock.now())
    .execute(app.ctx.db.pool())
    .await
    .unwrap();
    let (user, other) = (app.viewer(Role::User).await, app.viewer(Role::User).await);
    let (mut met, mut ranks, mut after) = (HashSet::new(), Vec::new(), Value::Null);
    loop {
        let page = list(&app, &user, json!({ "first": 100, "after": after })).await;
        assert_eq!(page["totalCount"], 1000);
        for item in items(&page) {
            assert!(
                met.insert(item["content"]["id"].as_str().unwrap().to_owned()),
                "twice"
            );
            ranks.push(item["rank"].as_i64().unwrap());
        }
        // Others act on what was shown, and new items come.
        let shown = page["items"][0]["content"]["title"]
            .as_str()
            .unwrap()
            .to_owned();
        did(&app, &other, &shown, InteractionKind::Like).await;
        did(&app, &user, &shown, InteractionKind::View).await;
        app.film("Another").await;
        if page["pageInfo"]["hasNextPage"] == json!(false) {
            break;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(ranks, (1..=1000).collect::<Vec<i64>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_app_sends_late_is_left_out_of_the_next_page() {
    let app = TestApp::start().await;
    for number in 0..30 {
        app.film(&format!("Film {number}")).await;
    }
    let user = app.viewer(Role::User).await;
    let whole = list(&app, &user, json!({ "first": 30 })).await;
    let page = list(&app, &user, json!({ "first": 10 })).await;
    let next = whole["items"][10]["content"]["id"].as_str().unwrap();
    // Long before the list was made, though it is heard of only now.
    let late = NewInteraction {
        occurred_at: Some(app.ctx.clock.now() - TimeDelta::days(3)),
        ..NewInteraction::new(next.parse().unwrap(), InteractionKind::Dislike)
    };
    let interactions = &app.services.interactions;
    interactions.record(&user, late).await.unwrap();
    let after = &page["pageInfo"]["endCursor"];
    let page = list(&app, &user, json!({ "first": 10, "after": after })).await;
    let shown = items(&page).iter().map(|item| &item["content"]["id"]);
    let shown: Vec<_> = shown.collect();
    assert!(
        !shown.contains(&&json!(next)) && shown.len() == 10,
        "{shown:?}"
    );
}

/// Every thread for long computations is taken until this is dropped, or for a minute at most.
struct Busy {
    _until_dropped: mpsc::Sender<()>,
    gave_up: Arc<AtomicBool>,
}

impl Busy {
    fn everywhere() -> Self {
        let (until_dropped, dropped) = mpsc::channel::<()>();
        let (begin, begun) = mpsc::channel();
        let gave_up = Arc::new(AtomicBool::new(false));
        let (dropped, gives_up) = (Mutex::new(dropped), Arc::clone(&gave_up));
        rayon::spawn_broadcast(move |_| {
            begin.send(()).unwrap();
            let dropped = dropped.lock().unwrap();
            let late = !gives_up.load(SeqCst)
                && dropped.recv_timeout(Duration::from_secs(60))
                    == Err(mpsc::RecvTimeoutError::Timeout);
            gives_up.fetch_or(late, SeqCst);
        });
        for _ in 0..rayon::current_num_threads() {
            begun.recv().unwrap();
        }
        Self {
            _until_dropped: until_dropped,
            gave_up,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_or_writes_does_not_wait_for_what_is_computed_on_every_thread() {
    let app = demo().await;
    let user = app.viewer(Role::User).await;
    let document = "{ search(query: \"zuckerbaby\") { nodes { title } } }";
    // The first search reads the whole catalogue, which is long work itself.
    app.ask_as(&user, document, json!({})).await;
    let busy = Busy::everywhere();

    did(&app, &user, "Stagecoach", InteractionKind::Like).await;
    let drawn = list(&app, &user, json!({ "first": 20 })).await;
    let because = |item: &Value| item["reasons"][0]["because"]["title"] == "Stagecoach";
    assert!(items(&drawn).iter().any(because), "{drawn:#}");

    let film = app.film("Zuckerbaby").await;
    for number in 2..=70 {
        app.film(&format!("Part {number}")).await;
    }
    let indexed = app.services.embeddings.embed_items(&[film]).await;
    assert!(indexed.is_ok());
    let found = app.ask_as(&user, document, json!({})).await;
    assert_eq!(found["search"]["nodes"][0]["title"], "Zuckerbaby");

    assert!(!busy.gave_up.load(SeqCst), "something waited");
}
