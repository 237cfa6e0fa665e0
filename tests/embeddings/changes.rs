//! Vectors in the memory of a server follow what other servers do, however late that is committed.

use marquee::domain::auth::Viewer;
use marquee::platform::config::{EmbeddingSource, VectorStore};
use sqlx::{Connection, PgConnection};

use crate::support::{TestApp, start_of_time, until};
use crate::{Content, ids, settings, told, train, two_kinds};

/// The items of two numbers near to this direction, as this server has them.
async fn near(app: &TestApp, direction: [f32; 2]) -> Vec<Content> {
    let embeddings = &app.services.embeddings;
    ids(&embeddings.nearest(&direction, 9, &|_| true).await.unwrap())
}

async fn connection(app: &TestApp) -> PgConnection {
    let mut connection = PgConnection::connect(&app.url).await.unwrap();
    let path = format!("SET search_path TO {}, public", app.ctx.db.schema());
    let path = sqlx::AssertSqlSafe(path);
    sqlx::query(path).execute(&mut connection).await.unwrap();
    connection
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vector_that_is_taken_back_on_one_server_is_gone_on_all() {
    for store in [VectorStore::Memory, VectorStore::Pgvector] {
        let app = TestApp::with(settings(|settings| {
            settings.embeddings.source = EmbeddingSource::External;
            settings.embeddings.dimensions = 2;
            settings.embeddings.store = store;
        }))
        .await;
        let item = app.film("Yojimbo").await;
        let bring = async |vector| {
            let embeddings = &app.services.embeddings;
            let brought = embeddings.set_external(&Viewer::Command, item, vector);
            brought.await.unwrap();
        };
        let other = app.twin().await;
        let seen = async || near(&other, [1.0, 0.0]).await;
        bring(Some(vec![1.0, 0.0])).await;
        until(&app, seen, |near| *near == [item]).await;
        let version = async || {
            let space = other.services.embeddings.active().await.unwrap();
            space.unwrap().version()
        };
        let before = version().await;
        bring(None).await;
        until(&app, seen, Vec::is_empty).await;
        until(&app, version, |version| *version > before).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vector_that_is_committed_long_after_it_was_written_is_seen() {
    let app = TestApp::with(settings(|settings| {
        settings.embeddings.source = EmbeddingSource::External;
        settings.embeddings.dimensions = 2;
    }))
    .await;
    let (early, late) = (app.film("Sanjuro").await, app.film("Yojimbo").await);
    let embeddings = &app.services.embeddings;
    let brought = embeddings.set_external(&Viewer::Command, early, Some(vec![0.0, 1.0]));
    brought.await.unwrap();
    let model = embeddings.active().await.unwrap().unwrap().model.id;
    let mut other = connection(&app).await;
    let mut writing = other.begin().await.unwrap();
    sqlx::query(
        "INSERT INTO content_embeddings
                (model_version_id, content_id, embedding, item_updated_at, written_at)
         VALUES ($1, $2, '[1,0]', $3, $3)",
    )
    .bind(model.uuid())
    .bind(late.uuid())
    .bind(start_of_time())
    .execute(&mut *writing)
    .await
    .unwrap();
    // Everybody looks meanwhile, for longer than any clock may be wrong.
    app.ctx.clock.advance(chrono::TimeDelta::minutes(10));
    let brought = embeddings.set_external(&Viewer::Command, early, Some(vec![0.6, 0.8]));
    brought.await.unwrap();
    app.services.embeddings.refresh().await.unwrap();
    assert_eq!(near(&app, [1.0, 0.0]).await, [early]);
    writing.commit().await.unwrap();
    app.services.embeddings.refresh().await.unwrap();
    assert_eq!(near(&app, [1.0, 0.0]).await, [late, early]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_is_committed_long_after_it_was_written_is_placed() {
    let app = TestApp::start().await;
    two_kinds(&app).await;
    app.ctx.clock.advance(chrono::TimeDelta::minutes(30));
    train(&app).await;
    let embeddings = &app.services.embeddings;
    let mut other = connection(&app).await;
    let mut writing = other.begin().await.unwrap();
    for title in ["A robot on the moon", "A duke in the castle"] {
        sqlx::query(
            "INSERT INTO content_items (id, kind, title, created_at, updated_at)
             VALUES (gen_random_uuid(), 'MOVIE', $1, $2, $2)",
        )
        .bind(title)
        .bind(start_of_time())
        .execute(&mut *writing)
        .await
        .unwrap();
    }
    // One that is written later and committed before.
    app.ctx.clock.advance(chrono::TimeDelta::minutes(30));
    told(&app, "Late", "A robot near a comet", &[]).await;
    assert_eq!(embeddings.catch_up().await.unwrap(), 1);
    writing.commit().await.unwrap();
    assert_eq!(embeddings.catch_up().await.unwrap(), 2);
    assert_eq!(embeddings.catch_up().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_cannot_be_read_stands_in_nobodys_way_and_comes_back_by_itself() {
    let mut settings = crate::support::settings();
    settings.objects.model_backup = false;
    let app = TestApp::with(settings).await;
    two_kinds(&app).await;
    train(&app).await;
    let folder = app.files.path().join("objects");
    let folder = folder.join(app.ctx.db.schema().as_str()).join("models");
    let file = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap();
    let good = std::fs::read(file.path()).unwrap();
    std::fs::write(file.path(), &good[1..]).unwrap();
    let other = app.twin().await;
    let document = "{ search(query: \"r1\") { totalCount complete } }";
    let found = other.ask(document).await;
    assert_eq!(found["search"]["totalCount"], 1);
    assert_eq!(found["search"]["complete"], false);
    std::fs::write(file.path(), good).unwrap();
    let found = async || other.ask(document).await["search"]["complete"] == true;
    until(&app, found, |complete| *complete).await;
}
