//! The token endpoint, through its router.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, Response, header};
use marquee::domain::schemas::Schemas;
use marquee::http::oauth::router;
use marquee::platform::config::SchemaName;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::TestApp;
use crate::{bearer, register};

async fn post(
    app: &TestApp,
    path: &str,
    content_type: &str,
    body: impl Into<Body>,
) -> (u16, Value, Response<()>) {
    let shop: SchemaName = "shop".parse().unwrap();
    let services = BTreeMap::from([(shop.clone(), Arc::clone(&app.services))]);
    let schemas = Arc::new(Schemas::new(shop, services));
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, content_type)
        .body(body.into())
        .unwrap();
    let (parts, body) = router(schemas).oneshot(request).await.unwrap().into_parts();
    let body = axum::body::to_bytes(body, 65_536).await.unwrap();
    let json = serde_json::from_slice(&body).unwrap_or_default();
    (parts.status.as_u16(), json, Response::from_parts(parts, ()))
}

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn the_password_and_refresh_grants_give_tokens_that_nobody_may_keep() {
    let app = TestApp::start().await;
    register(&app, "ana").await;
    let body = "grant_type=password&username=Ana%40example.org&password=a+film+a+day+keeps&client_id=web&scope=";
    for path in ["/oauth/token", "/oauth/shop/token"] {
        let (status, answer, response) =
            post(&app, path, &format!("{FORM}; charset=utf-8"), body).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        assert_eq!(answer["token_type"], "Bearer");
        assert_eq!(answer["expires_in"], 900);
        bearer(&app, &answer["access_token"].as_str().unwrap().into())
            .await
            .unwrap();
        let refresh = format!(
            "grant_type=refresh_token&refresh_token={}",
            answer["refresh_token"].as_str().unwrap()
        );
        let (status, next, _) = post(&app, path, FORM, refresh.clone()).await;
        assert_eq!(status, 200);
        let (_, lost, _) = post(&app, path, FORM, refresh.clone()).await;
        assert_eq!(lost["refresh_token"], next["refresh_token"]);
        let grace = app.ctx.settings.auth.refresh_grace_seconds;
        let clock = &app.ctx.clock;
        clock.advance(chrono::TimeDelta::seconds(grace.into()));
        let (status, again, _) = post(&app, path, FORM, refresh).await;
        assert_eq!((status, &again["error"]), (400, &json!("invalid_grant")));
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_as_rfc_6749_words_it() {
    let app = TestApp::start().await;
    register(&app, "ana").await;
    let wrong = "grant_type=password&username=ana%40example.org&password=wrong";
    for (content_type, body, status, error) in [
        (FORM, wrong, 400, "invalid_grant"),
        (
            FORM,
            "grant_type=refresh_token&refresh_token=mr_x",
            400,
            "invalid_grant",
        ),
        (
            FORM,
            "grant_type=client_credentials",
            400,
            "unsupported_grant_type",
        ),
        (FORM, "", 400, "invalid_request"),
        (
            FORM,
            "grant_type=password&username=ana",
            400,
            "invalid_request",
        ),
        (
            FORM,
            "grant_type=password&grant_type=password",
            400,
            "invalid_request",
        ),
        (
            FORM,
            "grant_type=password&username=&password=x",
            400,
            "invalid_request",
        ),
        (
            FORM,
            "grant_type=password&username=%00&password=%ff%00",
            400,
            "invalid_grant",
        ),
        ("application/json", "{}", 400, "invalid_request"),
    ] {
        let (got, answer, response) = post(&app, "/oauth/token", content_type, body).await;
        assert_eq!(
            (got, &answer["error"]),
            (status, &json!(error)),
            "{body}: {answer}"
        );
        assert!(answer["error_description"].is_string());
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    }
    let long = "grant_type=".to_owned() + &"x".repeat(20_000);
    assert_eq!(post(&app, "/oauth/token", FORM, long).await.0, 413);
    assert_eq!(
        post(&app, "/oauth/token", FORM, b"\xff\xfe".to_vec())
            .await
            .0,
        400
    );
    assert_eq!(post(&app, "/oauth/nowhere/token", FORM, wrong).await.0, 404);
}

#[tokio::test]
async fn who_guesses_is_told_when_to_come_back() {
    let app = TestApp::start().await;
    register(&app, "ana").await;
    let wrong = "grant_type=password&username=ana%40example.org&password=wrong";
    for _ in 0..5 {
        assert_eq!(post(&app, "/oauth/token", FORM, wrong).await.0, 400);
    }
    let (status, _, response) = post(&app, "/oauth/token", FORM, wrong).await;
    assert_eq!(status, 429);
    assert_eq!(response.headers()[header::RETRY_AFTER], "1");
}
