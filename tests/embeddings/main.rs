//! Embeddings: what items are about, what is near, and what stays when a space is learnt anew.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

#[path = "../support/mod.rs"]
mod support;

mod changes;

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use marquee::domain::auth::{Role, Scope, Viewer};
use marquee::domain::content::{ContentKind, Fields};
use marquee::domain::embeddings::{Neighbour, Step, TrainingResult};
use marquee::foundation::{Error, Id, Refusal, id};
use marquee::platform::config::{EmbeddingSource, Settings, VectorStore};
use serde_json::json;
use support::TestApp;

type Content = Id<id::Content>;

fn settings(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = support::settings();
    change(&mut settings);
    settings
}

async fn train(app: &TestApp) -> TrainingResult {
    let go_on = |_| ControlFlow::Continue(());
    app.services
        .embeddings
        .train(&Viewer::Command, go_on)
        .await
        .unwrap()
}

async fn told(app: &TestApp, title: &str, description: &str, genres: &[&str]) -> Content {
    let mut fields = Fields::new(ContentKind::Movie, title);
    fields.description = description.to_owned();
    fields.genres = genres.iter().map(|genre| (*genre).to_owned()).collect();
    let made = app
        .services
        .content
        .create(&Viewer::Command, fields, vec![]);
    made.await.unwrap().id
}

/// Two kinds of films that share no word.
async fn two_kinds(app: &TestApp) -> (Vec<Content>, Vec<Content>) {
    let mut robots = Vec::new();
    let mut dukes = Vec::new();
    for number in 0..6 {
        let index = ["moon", "station", "comet"][number % 3];
        let who = ["robot", "android"][number % 2];
        let text = format!("A {who} repairs a rocket near a {index}");
        robots.push(told(app, &format!("R{number}"), &text, &["Science Fiction"]).await);
        let index = ["castle", "garden", "chapel"][number % 3];
        let who = ["duke", "countess"][number % 2];
        let text = format!("A {who} fights a duel in the {index}");
        dukes.push(told(app, &format!("D{number}"), &text, &["Costume Drama"]).await);
    }
    (robots, dukes)
}

async fn near(app: &TestApp, text: &str, count: usize) -> Vec<Neighbour> {
    let embeddings = &app.services.embeddings;
    let query = embeddings.query(text).await.unwrap().unwrap();
    embeddings.nearest(&query, count, &|_| true).await.unwrap()
}

fn ids(near: &[Neighbour]) -> Vec<Content> {
    near.iter().map(|near| near.content).collect()
}

#[tokio::test]
async fn a_text_finds_what_never_says_its_words() {
    let app = TestApp::with(settings(|settings| settings.embeddings.dimensions = 2)).await;
    let (mut robots, dukes) = two_kinds(&app).await;
    assert!(app.services.embeddings.active().await.unwrap().is_none());
    assert_eq!(app.services.embeddings.query("robot").await.unwrap(), None);
    let trained = train(&app).await;
    assert_eq!(trained.items, 12);
    let found = near(&app, "films about an android", 6).await;
    // Half of them are told of robots only.
    let mut found = ids(&found);
    found.sort();
    robots.sort();
    assert_eq!(found, robots);
    let vectors = app.services.embeddings.vectors(&dukes).await.unwrap();
    assert!(
        vectors
            .iter()
            .all(|(_, vector)| vector.len() == trained.dimensions)
    );
    assert_eq!(vectors.len(), dukes.len());
}

#[tokio::test]
async fn what_comes_later_is_placed_in_the_space_that_is_served() {
    let app = TestApp::start().await;
    two_kinds(&app).await;
    train(&app).await;
    app.ctx.clock.advance(chrono::TimeDelta::seconds(5));
    let late = told(&app, "Late", "A robot leaves the comet", &[]).await;
    let silent = told(&app, "Xyzzy", "", &[]).await;
    let embeddings = &app.services.embeddings;
    assert_eq!(embeddings.embed_items(&[late, silent]).await.unwrap(), 1);
    assert!(ids(&near(&app, "robot comet", 3).await).contains(&late));
    // A change moves it, and one that leaves no word takes it out.
    app.ctx.clock.advance(chrono::TimeDelta::seconds(5));
    let change = |text: &'static str| {
        app.services
            .content
            .update(&Viewer::Command, late, None, move |fields| {
                fields.description = text.to_owned();
            })
    };
    change("A duke in a castle").await.unwrap();
    assert_eq!(embeddings.catch_up().await.unwrap(), 1);
    assert_eq!(embeddings.catch_up().await.unwrap(), 0);
    assert!(ids(&near(&app, "duke castle", 4).await).contains(&late));
    app.ctx.clock.advance(chrono::TimeDelta::seconds(5));
    change("").await.unwrap();
    embeddings.catch_up().await.unwrap();
    assert!(!ids(&near(&app, "duke castle", 99).await).contains(&late));
}

#[tokio::test]
async fn another_process_notices_a_new_space_and_new_items() {
    let app = TestApp::start().await;
    two_kinds(&app).await;
    let models = domain::models::ModelService::new(&app.ctx);
    let other = domain::embeddings::EmbeddingService::new(&app.ctx, models);
    assert!(other.active().await.unwrap().is_none());
    let first = train(&app).await;
    let seen = other.refresh().await.unwrap().unwrap();
    assert_eq!(seen.model.id, first.model.id);
    let late = told(&app, "Late", "A robot on the moon", &[]).await;
    app.services.embeddings.embed_items(&[late]).await.unwrap();
    other.refresh().await.unwrap();
    let query = other.query("robot moon").await.unwrap().unwrap();
    let found = other.nearest(&query, 5, &|id| id == late).await.unwrap();
    assert_eq!(ids(&found), [late]);
    // Equal texts have equal vectors, though one process has read the space from its bytes.
    let own = app.services.embeddings.query("robot moon").await.unwrap();
    assert_eq!(own, Some(query));
}

#[tokio::test]
async fn a_new_space_takes_the_place_of_the_old_one_whole() {
    let mut settings = support::settings();
    settings.training.keep_versions = 1;
    let app = TestApp::with(settings).await;
    two_kinds(&app).await;
    let rows = || async {
        let sql = "SELECT m.version, count(*) FROM content_embeddings e
                     JOIN model_versions m ON m.id = e.model_version_id GROUP BY 1 ORDER BY 1";
        let rows: Vec<(String, i64)> = sqlx::query_as(sql)
            .fetch_all(app.ctx.db.pool())
            .await
            .unwrap();
        rows
    };
    for _ in 0..3 {
        train(&app).await;
    }
    // The one before stays, so that it can come back at once.
    let kept = [("1.1.0".to_owned(), 12), ("1.2.0".to_owned(), 12)];
    assert_eq!(rows().await, kept);
    let space = app.services.embeddings.active().await.unwrap().unwrap();
    assert_eq!(space.model.version, "1.2.0");
    // One that is stopped changes nothing.
    for stop in [Step::Read, Step::Train, Step::Store] {
        let until = move |at: foundation::Progress| match at.is_at(stop.name()) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let stopped = app.services.embeddings.train(&Viewer::Command, until).await;
        assert!(matches!(
            stopped,
            Err(Error::Refused(Refusal::Conflict { .. }))
        ));
        assert_eq!(rows().await, kept);
    }
}

#[tokio::test]
async fn only_admins_train_and_nothing_is_learnt_from_nothing() {
    let app = TestApp::start().await;
    let go_on = |_| ControlFlow::Continue(());
    let embeddings = &app.services.embeddings;
    let viewer = app.viewer(Role::Curator).await;
    let refused = embeddings.train(&viewer, go_on).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))));
    let empty = embeddings.train(&Viewer::Command, go_on).await;
    assert!(matches!(
        empty,
        Err(Error::Refused(Refusal::Conflict { .. }))
    ));
    assert!(embeddings.active().await.unwrap().is_none());
}

#[tokio::test]
async fn the_words_of_private_items_are_not_in_the_space() {
    let app = TestApp::start().await;
    two_kinds(&app).await;
    let owner = app.viewer(Role::User).await;
    let secret = app.private_film(&owner, "Zirconium robot").await;
    train(&app).await;
    let embeddings = &app.services.embeddings;
    assert_eq!(embeddings.query("zirconium").await.unwrap(), None);
    // It has a place all the same, for its owner.
    let indexed = embeddings.vectors(&[secret]).await.unwrap();
    assert!(indexed.get(&secret).is_some());
}

const SET: &str = "mutation ($input: SetContentEmbeddingInput!) {
    setContentEmbedding(input: $input) { content { id } errors { __typename
        ... on InvalidInput { path message } ... on Conflict { message } } } }";

#[tokio::test]
async fn a_brought_vector_stays_whatever_is_learnt() {
    let app = TestApp::start().await;
    let (robots, _) = two_kinds(&app).await;
    let key = app.app(&[Scope::CatalogueWrite]);
    let set = |vector: serde_json::Value| json!({ "input": { "contentId": robots[0].to_string(), "vector": vector } });
    let errors = |data: serde_json::Value| data["setContentEmbedding"]["errors"].clone();
    let data = app.ask_as(&key, SET, set(json!([1.0]))).await;
    assert_eq!(errors(data)[0]["__typename"], "Conflict");

    let dimensions = train(&app).await.dimensions;
    let mut vector = vec![0.0; dimensions];
    vector[0] = -2.0;
    let data = app.ask_as(&key, SET, set(json!(vector))).await;
    assert_eq!(errors(data), json!([]));
    let embeddings = &app.services.embeddings;
    let mut wanted = vec![0.0; dimensions];
    wanted[0] = -1.0;
    let index = || async { embeddings.vectors(&robots[..1]).await.unwrap() };
    assert_eq!(index().await.get(&robots[0]).unwrap(), wanted);
    let found = embeddings.nearest(&wanted, 1, &|_| true).await.unwrap();
    assert_eq!(ids(&found), robots[..1]);

    train(&app).await;
    assert_eq!(embeddings.embed_items(&robots[..1]).await.unwrap(), 0);
    assert_eq!(index().await.get(&robots[0]).unwrap(), wanted);

    // Taken back, the computed one comes again.
    let data = app.ask_as(&key, SET, set(json!(null))).await;
    assert_eq!(errors(data), json!([]));
    assert_ne!(index().await.get(&robots[0]).unwrap(), wanted);

    let data = app.ask_as(&key, SET, set(json!([1.0]))).await;
    let wrong = errors(data);
    assert_eq!(wrong[0]["path"], json!(["vector"]));
    assert!(wrong[0]["message"].as_str().unwrap().contains("has 1"));
    let stranger = app.viewer(Role::User).await;
    assert_eq!(
        app.code_as(&stranger, SET, set(json!(vector))).await,
        "FORBIDDEN"
    );
}

#[tokio::test]
async fn where_callers_bring_the_vectors_the_first_makes_the_space() {
    let app = TestApp::with(settings(|settings| {
        settings.embeddings.source = EmbeddingSource::External;
        settings.embeddings.dimensions = 3;
    }))
    .await;
    let (one, other) = (app.film("One").await, app.film("Other").await);
    let embeddings = &app.services.embeddings;
    for (film, vector) in [(one, vec![1.0, 0.0, 0.0]), (other, vec![1.0, 1.0, 0.0])] {
        let vector = Some(vector);
        embeddings
            .set_external(&Viewer::Command, film, vector)
            .await
            .unwrap();
    }
    assert_eq!(embeddings.query("anything").await.unwrap(), None);
    let query = [1.0, 0.0, 0.0];
    let found = embeddings.nearest(&query, 9, &|_| true).await.unwrap();
    assert_eq!(ids(&found), [one, other]);
    assert!((found[1].cosine - 0.5_f32.sqrt()).abs() < 1e-6);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_stores_give_the_same_neighbours() {
    const ITEMS: usize = 3000;
    const DIMENSIONS: usize = 32;
    let app = TestApp::with(settings(|settings| {
        settings.embeddings.source = EmbeddingSource::External;
        settings.embeddings.dimensions = DIMENSIONS;
        settings.embeddings.store = VectorStore::Pgvector;
    }))
    .await;
    // Vectors in clumps, as those of a catalogue are.
    sqlx::query(
        "WITH items AS (
             INSERT INTO content_items (id, kind, title, created_at, updated_at)
             SELECT gen_random_uuid(), 'MOVIE', 'Item ' || n, $3, $3
               FROM generate_series(1, $1) AS n RETURNING id, title)
         INSERT INTO external_embeddings (content_id, embedding, set_at)
         SELECT id, public.l2_normalize((
                    SELECT array_agg(sin(clump * d) + 0.7 * cos(n * d * 1.37 + d) ORDER BY d)
                      FROM generate_series(1, $2) AS d)::real[]::public.vector), $3
           FROM (SELECT id, substr(title, 6)::int AS n, substr(title, 6)::int % 40 AS clump
                   FROM items) AS items",
    )
    .bind(ITEMS as i32)
    .bind(DIMENSIONS as i32)
    .bind(app.ctx.clock.now())
    .execute(app.ctx.db.pool())
    .await
    .unwrap();
    let trained = train(&app).await;
    assert_eq!(trained.items, ITEMS);
    let index: Option<String> = sqlx::query_scalar(
        "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema()
            AND indexname LIKE 'content_embeddings_near_%'",
    )
    .fetch_optional(app.ctx.db.pool())
    .await
    .unwrap();
    assert!(index.unwrap().contains("vector(32)"));

    let memory = settings(|settings| settings.embeddings.store = VectorStore::Memory);
    let mut ctx = app.ctx.clone();
    ctx.settings = std::sync::Arc::new(memory);
    let models = domain::models::ModelService::new(&ctx);
    let memory = domain::embeddings::EmbeddingService::new(&ctx, models);
    let database = &app.services.embeddings;

    let mut vectors: Vec<(Content, Vec<f32>)> = Vec::new();
    memory
        .all(|id, vector| vectors.push((id, vector)))
        .await
        .unwrap();
    vectors.sort_by_key(|(id, _)| *id);
    let indices: HashMap<Content, usize> = vectors.iter().map(|(id, _)| *id).zip(0..).collect();
    for every in [1, 2, 50, 500] {
        let keep = |id: Content| indices[&id].is_multiple_of(every);
        let name = format!("one in {every}");
        let (mut same, mut of) = (0, 0);
        for (_, query) in vectors.iter().step_by(60) {
            let exact = memory.nearest(query, 10, &keep).await.unwrap();
            let found = database.nearest(query, 10, &keep).await.unwrap();
            assert_eq!(found.len(), 10.min(ITEMS / every), "{name}");
            assert!(found.iter().all(|near| keep(near.content)), "{name}");
            assert!(found.is_sorted_by(|a, b| a.cosine >= b.cosine), "{name}");
            let exact = ids(&exact);
            same += ids(&found).iter().filter(|id| exact.contains(id)).count();
            of += exact.len();
        }
        assert!(same * 100 >= of * 99, "{name}: {same} of {of}");
    }
    // A filter that all that is near fails, and most of the rest passes.
    let (_, query) = &vectors[7];
    let near = memory.nearest(query, ITEMS / 2, &|_| true).await.unwrap();
    let near: HashSet<Content> = ids(&near).into_iter().collect();
    let keep = |id: Content| !near.contains(&id);
    let exact = memory.nearest(query, 10, &keep).await.unwrap();
    let found = database.nearest(query, 10, &keep).await.unwrap();
    let exact = ids(&exact);
    let same = ids(&found).iter().filter(|id| exact.contains(id)).count();
    assert_eq!(found.len(), 10);
    assert!(same >= 9, "{same} of 10");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_looks_right_to_a_film_lover() {
    let app = TestApp::start().await;
    let loaded = app.services.demo.load(&Viewer::Command).await.unwrap();
    assert!(loaded.is_some());
    train(&app).await;
    let films: Vec<(uuid::Uuid, String, String, Vec<String>)> = sqlx::query_as(
        "SELECT c.id, c.title, lower(c.title || ' ' || c.description || ' ' ||
                array_to_string(c.genres || c.tags, ' ')), c.genres || coalesce(array_agg(p.name), '{}')
           FROM content_items c
           LEFT JOIN credits r ON r.content_id = c.id AND r.role = 'DIRECTOR'
           LEFT JOIN people p ON p.id = r.person_id
          WHERE c.kind = 'MOVIE' GROUP BY c.id",
    )
    .fetch_all(app.ctx.db.pool())
    .await
    .unwrap();
    let films: HashMap<Content, _> = films
        .into_iter()
        .map(|(id, title, text, names)| (Content::from(id), (title, text, names)))
        .collect();
    let embeddings = &app.services.embeddings;
    let nearest = async |query: &[f32], besides: Option<Content>| {
        let known: HashSet<Content> = films.keys().copied().collect();
        let keep = move |id| known.contains(&id) && Some(id) != besides;
        let near = embeddings.nearest(query, 10, &keep).await.unwrap();
        ids(&near)
    };

    // "films about robots in space" finds such films, also those that do not say so together.
    let query = embeddings
        .query("films about robots in space")
        .await
        .unwrap();
    let found = nearest(&query.unwrap(), None).await;
    let titles: Vec<&str> = found.iter().map(|id| films[id].0.as_str()).collect();
    for title in ["Silent Running", "Forbidden Planet", "Star Wars"] {
        assert!(titles.contains(&title), "{title} is not in {titles:?}");
    }
    let unsaid = |id: &&Content| {
        let text = &films[*id].1;
        !(text.contains("robot") && text.contains("space"))
    };
    assert!(found.iter().filter(unsaid).count() >= 3, "{titles:?}");

    // And what is like a film: by those who made it, or of its kind.
    for (title, name, least) in [
        ("Seven Samurai", "Akira Kurosawa", 4),
        ("Stagecoach", "Western", 7),
        ("Double Indemnity", "Film Noir", 5),
        ("Spirited Away", "Animation", 7),
        ("Alien", "Science Fiction", 7),
        ("Tokyo Story", "Yasujiro Ozu", 7),
        ("The Godfather", "Crime", 7),
    ] {
        let (id, _) = films.iter().find(|(_, film)| film.0 == title).unwrap();
        let vector = embeddings.vectors(&[*id]).await.unwrap();
        let found = nearest(vector.get(id).unwrap(), Some(*id)).await;
        let fits = |id: &&Content| films[*id].2.iter().any(|other| other == name);
        let count = found.iter().filter(fits).count();
        let titles: Vec<&str> = found.iter().map(|id| films[id].0.as_str()).collect();
        assert!(count >= least, "{title}: {count} are {name} of {titles:?}");
    }
}
