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
