//! Queries go to a replica that is behind, and who writes finds what they wrote all the same.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::TimeDelta;
use marquee::domain::auth::{Role, SignedIn};
use marquee::foundation::Error;
use marquee::platform::cache::{CacheKind, Key};
use marquee::platform::db::migrate;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use crate::server::{PASSWORD, Server, bearer};
use crate::support::{TestApp, database_url, settings};

/// A database that has the tables and never follows: a replica that is behind by as much as can be. It
/// stays for the next test, since dropping a database waits for a checkpoint; its schemas do not.
const STANDING_REPLICA: &str = "marquee_standing_replica";

/// A server whose queries go to the replica.
async fn serve() -> Server {
    let mut url = url::Url::parse(&database_url()).unwrap();
    let create = format!("CREATE DATABASE {STANDING_REPLICA}");
    // It may be there, or be made by another test at this moment.
    let _ = run(&url, &create).await;
    url.set_path(STANDING_REPLICA);
    let mut settings = settings();
    settings.database.ro_url = url.to_string().into();
    // What is kept is read from the primary by whoever asks first.
    settings.cache.answers = false;
    let app = TestApp::with(settings).await;
    let schemas = [app.ctx.db.schema().clone()];
    migrate::run(url.as_str(), &schemas, app.ctx.clock.now())
        .await
        .unwrap();
    Server::of(app).await
}

/// Removes what a server left on the replica.
async fn clean(server: Server) {
    let url = server.app.ctx.settings.database.ro_url.expose_secret();
    let schema = server.app.ctx.db.schema();
    let drop = format!("SET client_min_messages = error; DROP SCHEMA {schema} CASCADE");
    run(&url.parse().unwrap(), &drop).await.unwrap();
}

async fn run(url: &url::Url, statement: &str) -> sqlx::Result<()> {
    let options: PgConnectOptions = url.as_str().parse()?;
    let mut connection = options.connect().await?;
    let statement = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()));
    statement.execute(&mut connection).await?;
    connection.close().await
}

async fn ask(server: &Server, who: Option<&SignedIn>, query: &str) -> Value {
    let mut request = reqwest::Client::new()
        .post(server.url())
        .json(&json!({ "query": query }));
    if let Some(who) = who {
        request = request.header("authorization", bearer(who));
    }
    let mut answer: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer.get("errors"), None, "{query}: {answer:#}");
    answer["data"].take()
}

const CREATE: &str =
    "mutation { createContent(input: { kind: MOVIE, title: \"Ran\" }) { content { id } } }";
const VIEWER: &str = "{ viewer { ... on User { displayName } } }";

#[tokio::test]
async fn who_writes_finds_what_they_wrote_on_a_replica_that_is_behind() {
    let server = serve().await;
    let ada = server.sign_in("ada", Role::User).await;
    let bob = server.sign_in("bob", Role::User).await;
    // The account itself was written a moment ago.
    let viewer = ask(&server, Some(&ada), VIEWER).await;
    assert_eq!(viewer["viewer"]["displayName"], "ada");
    let made = ask(&server, Some(&ada), CREATE).await;
    let film = made["createContent"]["content"]["id"].as_str().unwrap();
    let find = format!(
        "{{ content(id: \"{film}\") {{ title }} contents(first: 5) {{ nodes {{ title }} totalCount }} }}"
    );
    let found = json!({
        "content": { "title": "Ran" },
        "contents": { "nodes": [{ "title": "Ran" }], "totalCount": 1 },
    });
    let nothing = json!({ "content": null, "contents": { "nodes": [], "totalCount": 0 } });
    assert_eq!(ask(&server, Some(&ada), &find).await, found);
    // Also in the answer of a mutation, and of one that writes nothing new.
    let rename = "mutation { updateProfile(input: { displayName: \"Ada\" }) { query { viewer { ... on User { displayName } } } } }";
    let renamed = ask(&server, Some(&ada), rename).await;
    let viewer = &renamed["updateProfile"]["query"]["viewer"];
    assert_eq!(viewer["displayName"], "Ada");
    // Strangers read from the replica.
    assert_eq!(ask(&server, None, &find).await, nothing);
    // So does everybody who has not written for a while.
    let lag = server.app.ctx.settings.database.replica_lag_seconds;
    server.app.ctx.clock.advance(TimeDelta::seconds(lag.into()));
    assert_eq!(ask(&server, Some(&ada), &find).await, nothing);
    assert_eq!(ask(&server, Some(&bob), &find).await, nothing);
    ask(&server, Some(&bob), CREATE).await;
    let of_bob = ask(&server, Some(&bob), "{ contents { totalCount } }").await;
    assert_eq!(of_bob["contents"]["totalCount"], 2);
    clean(server).await;
}

#[tokio::test]
async fn an_account_that_was_just_made_is_found_by_its_owner() {
    let server = serve().await;
    let register = format!(
        "mutation {{ register(input: {{ email: \"new@example.org\", password: \"{PASSWORD}\", displayName: \"New\" }}) {{ tokens {{ accessToken }} }} }}"
    );
    let guest = "mutation { startAnonymousSession { tokens { accessToken } } }";
    for (mutation, field) in [
        (register.as_str(), "register"),
        (guest, "startAnonymousSession"),
    ] {
        let made = ask(&server, None, mutation).await;
        let token = made[field]["tokens"]["accessToken"].as_str().unwrap();
        let request = reqwest::Client::new()
            .post(server.url())
            .header("authorization", format!("Bearer {token}"))
            .json(&json!({ "query": "{ viewer { __typename } interactions { totalCount } }" }));
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["data"]["viewer"]["__typename"], "User", "{answer}");
    }
    clean(server).await;
}

async fn users(connection: &impl ConnectionTrait) -> i64 {
    let count = Statement::from_string(DbBackend::Postgres, "SELECT count(*) AS n FROM users");
    let row = connection.query_one_raw(count).await.unwrap().unwrap();
    row.try_get("", "n").unwrap()
}

#[tokio::test]
async fn what_is_kept_is_not_made_of_old_rows() {
    let server = serve().await;
    server.sign_in("ada", Role::User).await;
    let ctx = &server.app.ctx;
    assert_eq!(users(ctx.db.read()).await, 0);
    let counted = AtomicI64::new(-1);
    let key = Key::new(CacheKind::Metadata, &[], &"users");
    let count = async {
        counted.store(users(ctx.db.read()).await, Ordering::SeqCst);
        Ok::<_, Error>(1_u8)
    };
    ctx.cache.get_or_compute(&key, count).await.unwrap();
    assert_eq!(counted.load(Ordering::SeqCst), 1);
    assert_eq!(users(ctx.db.read()).await, 0);
    clean(server).await;
}

/// Each server has its own memory; Redis is what they share.
#[tokio::test]
async fn another_server_without_redis_does_not_know_who_has_written() {
    let server = serve().await;
    let ada = server.sign_in("ada", Role::User).await;
    let viewer = crate::viewer(&server.app, &ada).await.unwrap();
    let twin = server.app.twin().await;
    assert!(server.app.services.auth.wrote_lately(&viewer).await);
    assert!(!twin.services.auth.wrote_lately(&viewer).await);
    clean(server).await;
}

#[tokio::test]
async fn without_a_replica_nobody_has_to_be_remembered() {
    let app = TestApp::start().await;
    let ada = crate::register(&app, "ada").await;
    let viewer = crate::viewer(&app, &ada).await.unwrap();
    app.services.auth.note_write(&viewer).await;
    assert!(!app.services.auth.wrote_lately(&viewer).await);
}
