//! Nothing found is older than a moment, and nothing that takes long stands in the way of the rest: on
//! one server, and on two.

use std::time::Duration;

use marquee::domain::auth::Viewer;
use marquee::domain::content::{ContentKind, Fields};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

use crate::support::{TestApp, settings, start_of_time, until};
use crate::{search, titles};

/// A connection past the server, which may take its time.
async fn connection(app: &TestApp) -> PgConnection {
    let mut connection = PgConnection::connect(&app.url).await.unwrap();
    let path = format!("SET search_path TO {}, public", app.ctx.db.schema());
    let path = sqlx::AssertSqlSafe(path);
    sqlx::query(path).execute(&mut connection).await.unwrap();
    connection
}

/// Puts so many public films into the database past the server, in one transaction, every hundredth
/// with a word of its own in its title.
async fn import(app: &TestApp, films: i32, word: &str) {
    sqlx::query(
        "INSERT INTO content_items (id, kind, title, description, popularity, created_at, updated_at)
         SELECT gen_random_uuid(), 'MOVIE', CASE WHEN n % 100 = 0 THEN $2 ELSE 'Film' END || ' ' || n,
                'A made film, number ' || n, n % 97, $3, $3
           FROM generate_series(1, $1) AS n",
    )
    .bind(films)
    .bind(word)
    .bind(start_of_time())
    .execute(&mut connection(app).await)
    .await
    .unwrap();
}

fn total(found: &Value) -> i64 {
    found["totalCount"].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_is_asked_without_end_finds_an_import_as_soon_as_any_other() {
    let app = TestApp::start().await;
    app.film("Yojimbo").await;
    assert_eq!(total(&search(&app, "wobblewidget").await), 0);
    import(&app, 3_000, "Wobblewidget").await;
    let asked = async || {
        // The same query throughout, and one that is new each time.
        let old = search(&app, "wobblewidget").await;
        let padding = " ".repeat(app.ctx.clock.now().timestamp() as usize % 400);
        let new = search(&app, &format!("Wobblewidget{padding}")).await;
        (total(&old), total(&new))
    };
    until(&app, asked, |(_, new)| *new == 30).await;
    let found = search(&app, "wobblewidget").await;
    assert_eq!((total(&found), &found["complete"]), (30, &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_made_though_everybody_who_asks_is_cut_off() {
    let app = TestApp::start().await;
    import(&app, 10_000, "Wobblewidget").await;
    let cut_off = Duration::from_millis(100);
    let asked = async || {
        let found = timeout(cut_off, search(&app, "wobblewidget")).await;
        found
            .ok()
            .map(|found| (total(&found), found["complete"] == true))
    };
    until(&app, asked, |found| *found == Some((100, true))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_an_index_is_made_searches_answer_from_what_there_is_and_say_so() {
    let app = TestApp::start().await;
    app.film("Yojimbo").await;
    // Whoever makes the index reads the names of people, and has to wait.
    let mut other = connection(&app).await;
    let mut gate = other.begin().await.unwrap();
    let lock = sqlx::query("LOCK TABLE people IN ACCESS EXCLUSIVE MODE");
    lock.execute(&mut *gate).await.unwrap();
    let found = timeout(Duration::from_secs(20), search(&app, "yojimbo")).await;
    let found = found.expect("nobody waits for an index for long");
    assert_eq!((total(&found), &found["complete"]), (0, &json!(false)));
    let progress = app.services.search.progress().unwrap();
    assert_eq!(
        (progress.complete, progress.done, progress.of),
        (false, 0, 1)
    );
    gate.rollback().await.unwrap();
    let found = until(
        &app,
        async || search(&app, "yojimbo").await,
        |found| total(found) == 1,
    );
    assert_eq!(found.await["complete"], true);
    assert!(app.services.search.progress().unwrap().complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_takes_longer_to_read_than_a_statement_may_is_taken_up() {
    let mut settings = settings();
    settings.database.statement_timeout_ms = 1_000;
    let app = TestApp::with(settings).await;
    app.film("Yojimbo").await;
    assert_eq!(total(&search(&app, "yojimbo").await), 1);
    import(&app, 60_000, "Wobblewidget").await;
    let content = &app.services.content;
    let known = async || content.catalogue().await.unwrap().read().len();
    until(&app, known, |known| *known == 60_001).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_server_writes_is_found_suggested_and_counted_by_another() {
    let app = TestApp::start().await;
    app.film("Sanjuro").await;
    let other = app.twin().await;
    let suggested = async || {
        let document = "{ searchSuggestions(prefix: \"yoj\") { text } }";
        let data = other.ask(document).await;
        data["searchSuggestions"][0]["text"]
            .as_str()
            .map(str::to_owned)
    };
    let counted = async || {
        let document = "{ search(query: \"\") { facets { genres { value count } } } }";
        other.ask(document).await["search"]["facets"]["genres"].take()
    };
    let found = async || search(&other, "yojimbo").await;
    assert_eq!((total(&found().await), suggested().await), (0, None));
    assert_eq!(counted().await, json!([]));
    let mut fields = Fields::new(ContentKind::Movie, "Yojimbo");
    fields.genres = vec!["Western".to_owned()];
    let content = &app.services.content;
    let made = content
        .create(&Viewer::Command, fields, vec![])
        .await
        .unwrap();
    until(&app, found, |found| titles(found) == ["Yojimbo"]).await;
    assert_eq!(suggested().await.as_deref(), Some("Yojimbo"));
    assert_eq!(counted().await, json!([{ "value": "Western", "count": 1 }]));
    content.delete(&Viewer::Command, made.id).await.unwrap();
    until(&app, found, |found| total(found) == 0).await;
    assert_eq!(suggested().await, None);
    assert_eq!(counted().await, json!([]));
}
