//! The connections to the database: strangers do not take the last one, and who has left holds none.

use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, Row};

use crate::server::Server;
use crate::support::database_url;
use crate::{code, send};

const FILMS: &str = "{ contents { totalCount } }";

/// A connection past the server.
async fn beside() -> PgConnection {
    let options: PgConnectOptions = database_url().parse().unwrap();
    options.connect().await.unwrap()
}

/// Lets every statement about items wait until the connection is closed.
async fn lock_items(server: &Server) -> PgConnection {
    let mut connection = beside().await;
    let schema = server.app.ctx.db.schema();
    let lock = format!("BEGIN; LOCK TABLE \"{schema}\".content_items IN ACCESS EXCLUSIVE MODE");
    let lock = sqlx::raw_sql(AssertSqlSafe(lock));
    connection.execute(lock).await.unwrap();
    connection
}

/// How many statements wait for the lock.
async fn waiting(server: &Server, connection: &mut PgConnection) -> i64 {
    let schema = server.app.ctx.db.schema();
    let count = format!(
        "SELECT count(*) FROM pg_locks \
          WHERE NOT granted AND relation = '\"{schema}\".content_items'::regclass"
    );
    let row = connection
        .fetch_one(sqlx::raw_sql(AssertSqlSafe(count)))
        .await;
    row.unwrap().get(0)
}

/// Waits until so many statements wait for the lock.
async fn until_waiting(server: &Server, connection: &mut PgConnection, wanted: i64) {
    let began = std::time::Instant::now();
    loop {
        let found = waiting(server, connection).await;
        if found == wanted {
            return;
        }
        assert!(began.elapsed().as_secs() < 180, "still {found} wait");
    }
}

#[tokio::test]
async fn strangers_do_not_take_the_last_connection() {
    let server = Server::with(|settings| {
        settings.database.ro_connections = 4;
        settings.database.acquire_timeout_ms = 500;
        settings.database.statement_timeout_ms = 600_000;
    })
    .await;
    let ada = server.admin().await;
    let mut lock = lock_items(&server).await;
    let mut strangers = tokio::task::JoinSet::new();
    for n in 0..8 {
        // Each differs, so that the answers are not computed once for all.
        let query = format!("{{ contents(filter: {{ year: {{ eq: {n} }} }}) {{ totalCount }} }}");
        let request = reqwest::Client::new()
            .post(server.url())
            .json(&json!({ "query": query }));
        strangers.spawn(async move {
            let answer = request.send().await.unwrap();
            answer.json::<serde_json::Value>().await.unwrap()
        });
    }
    until_waiting(&server, &mut lock, 2).await;
    // Those who find no permit hear it; the two that have one wait on.
    for _ in 0..6 {
        let refused = strangers.join_next().await.unwrap().unwrap();
        assert_eq!(code(&refused), "UNAVAILABLE", "{refused}");
        let says = refused["errors"][0]["message"].as_str().unwrap();
        assert!(says.contains("without a token"), "{says}");
    }
    let users = send(&server, Some(&ada), "{ users { totalCount } }", json!({})).await;
    assert_eq!(users["data"]["users"]["totalCount"], 1, "{users}");
    drop(lock);
    for answer in strangers.join_all().await {
        assert_eq!(answer["data"]["contents"]["totalCount"], 0, "{answer}");
    }
}

#[tokio::test]
async fn a_statement_whose_request_is_gone_is_cancelled() {
    let server = Server::with(|settings| {
        settings.database.statement_timeout_ms = 3_600_000;
        settings.cache.answers = false;
    })
    .await;
    let mut lock = lock_items(&server).await;
    let request = reqwest::Client::new()
        .post(server.url())
        .json(&json!({ "query": FILMS }));
    let asking = tokio::spawn(request.send());
    until_waiting(&server, &mut lock, 1).await;
    asking.abort();
    until_waiting(&server, &mut lock, 0).await;
}
