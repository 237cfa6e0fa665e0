//! What the server says of its own health when Redis comes and goes.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt;

use crate::redis::{self, Proxy, prefix};
use crate::support::{TestApp, settings};

async fn get(app: &TestApp, path: &str) -> (StatusCode, String) {
    let schemas = std::sync::Arc::clone(&app.schemas);
    let router = {
        let connections = marquee::http::connections::Connections::new(100);
        marquee::http::router(schemas, &app.ctx.settings, &connections).unwrap()
    };
    let request = Request::get(path).body(Body::empty()).unwrap();
    let answer = router.oneshot(request).await.unwrap();
    let status = answer.status();
    let body = to_bytes(answer.into_body(), 10_000).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// Asks until Redis is seen as it is: nothing tells a client when the server has noticed.
async fn ready_says(app: &TestApp, wanted: &str) {
    let seen = async {
        loop {
            let (status, body) = get(app, "/ready").await;
            assert_eq!(status, StatusCode::OK, "{body}");
            if body == wanted {
                break;
            }
        }
    };
    let seen = tokio::time::timeout(Duration::from_secs(30), seen).await;
    assert!(seen.is_ok(), "never said {wanted:?}");
}

async fn health(app: &TestApp) -> Value {
    let (status, body) = get(app, "/health").await;
    assert_eq!(status, StatusCode::OK, "{body}");
    serde_json::from_str(&body).unwrap()
}

#[tokio::test]
async fn ready_stays_ready_without_redis_and_says_that_it_is_away() {
    let proxy = Proxy::open().await;
    let mut settings = settings();
    settings.redis = redis::settings(&proxy.url, &prefix()).redis;
    let app = TestApp::with(settings).await;

    ready_says(&app, "ready\nworkers: 0\nredis: ok\n").await;
    assert_eq!(health(&app).await["redis"], "ok");

    proxy.cut();
    ready_says(&app, "ready\nworkers: 0\nredis: away\n").await;
    let health = health(&app).await;
    assert_eq!(health["redis"], "away");
    assert_eq!(health["status"], "ok");
}

#[tokio::test]
async fn nothing_is_said_of_a_redis_that_is_not_set_up() {
    let app = TestApp::start().await;
    assert_eq!(
        get(&app, "/ready").await,
        (StatusCode::OK, "ready\nworkers: 0\n".to_owned())
    );
    assert_eq!(health(&app).await.get("redis"), None);
}

/// The memory of a server that was just started is filled while the database holds its models back.
#[tokio::test]
async fn a_server_is_not_ready_until_its_models_are_loaded_and_says_what_is_missing() {
    let app = TestApp::start().await;
    let mut hold = app.ctx.db.pool().begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE model_versions IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *hold)
        .await
        .unwrap();
    app.services.preload.begin();
    let (status, body) = get(&app, "/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let schema = app.ctx.db.schema();
    let all = format!(
        "not ready\nworkers: 0\n{schema}: loading the catalogue, the search index, the model BANDIT, \
         the model COLLABORATIVE, the model EMBEDDING, the model AUDIENCE, the model CURATOR, the model RANKER\n"
    );
    assert_eq!(body, all);

    let services = std::sync::Arc::clone(&app.services);
    let loading = tokio::spawn(async move {
        let limit = domain::schemas::preload::preload_limit();
        services.preload.run(&limit).await;
    });
    // What does not wait for models is loaded meanwhile.
    let waits = async {
        loop {
            let (status, body) = get(&app, "/ready").await;
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
            if !body.contains("the catalogue") && !body.contains("the search index") {
                break body;
            }
        }
    };
    let body = tokio::time::timeout(Duration::from_secs(60), waits).await;
    assert!(body.unwrap().contains("the model COLLABORATIVE"));
    let (_, health) = get(&app, "/health").await;
    let health: Value = serde_json::from_str(&health).unwrap();
    assert_eq!(health["status"], "unavailable");
    let loading_models = &health["schemas"][schema.as_str()]["loading"];
    assert_eq!(loading_models.as_array().unwrap().len(), 6, "{health}");

    hold.rollback().await.unwrap();
    loading.await.unwrap();
    assert_eq!(
        get(&app, "/ready").await,
        (StatusCode::OK, "ready\nworkers: 0\n".to_owned())
    );
}
