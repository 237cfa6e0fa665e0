//! Files over HTTP.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use marquee::http::router;
use marquee::platform::objects::{MediaType, ObjectName};
use std::sync::Arc;
use tower::ServiceExt;

use crate::png;
use crate::support::TestApp;

async fn ask(app: &TestApp, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    let connections = marquee::http::connections::Connections::new(100);
    let router = router(Arc::clone(&app.schemas), &app.ctx.settings, &connections).unwrap();
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    router.oneshot(request).await.unwrap()
}

async fn body(response: Response) -> Bytes {
    to_bytes(response.into_body(), usize::MAX).await.unwrap()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// A picture in the store of a schema, and its path.
async fn stored(app: &TestApp) -> (Bytes, String) {
    let (bytes, schema) = (Bytes::from(png(8, 8)), app.ctx.db.schema());
    let name = app.ctx.objects.put(schema, bytes.clone(), MediaType::Png);
    let path = format!("/files/{schema}/{}", name.await.unwrap());
    (bytes, path)
}

#[tokio::test]
async fn a_file_comes_with_its_type_and_may_be_kept_for_good() {
    let app = TestApp::start().await;
    let (bytes, path) = stored(&app).await;
    let response = ask(&app, "GET", &path, &[]).await;
    assert_eq!(response.status(), StatusCode::OK);
    let headers = response.headers().clone();
    let name = path.rsplit('/').next().unwrap();
    for (header_name, value) in [
        ("content-type", "image/png"),
        ("cache-control", "public, max-age=31536000, immutable"),
        ("x-content-type-options", "nosniff"),
        ("etag", &format!("\"{name}\"")),
        ("content-length", &bytes.len().to_string()),
        ("accept-ranges", "bytes"),
    ] {
        assert_eq!(header(&headers, header_name), value, "{header_name}");
    }
    assert!(header(&headers, "content-security-policy").contains("default-src 'none'"));
    assert_eq!(body(response).await, bytes);

    let head = ask(&app, "HEAD", &path, &[]).await;
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(
        header(head.headers(), "content-length"),
        bytes.len().to_string()
    );
    assert_eq!(body(head).await, "");
}

#[tokio::test]
async fn a_client_that_has_it_already_is_told_so() {
    let app = TestApp::start().await;
    let (_, path) = stored(&app).await;
    let first = ask(&app, "GET", &path, &[]).await;
    let etag = header(first.headers(), "etag").to_owned();
    let again = ask(&app, "GET", &path, &[("if-none-match", &etag)]).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(header(again.headers(), "etag"), etag);
    assert!(header(again.headers(), "cache-control").contains("immutable"));
    assert_eq!(body(again).await, "");
    let other = ask(&app, "GET", &path, &[("if-none-match", "\"another\"")]).await;
    assert_eq!(other.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_part_of_a_file_can_be_asked_for() {
    let app = TestApp::start().await;
    let (bytes, path) = stored(&app).await;
    let part = ask(&app, "GET", &path, &[("range", "bytes=1-3")]).await;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    let index = format!("bytes 1-3/{}", bytes.len());
    assert_eq!(header(part.headers(), "content-range"), index);
    assert_eq!(body(part).await, bytes.slice(1..4));
    let behind = ask(&app, "GET", &path, &[("range", "bytes=99999-")]).await;
    assert_eq!(behind.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    let changed = [("range", "bytes=1-3"), ("if-range", "\"another\"")];
    let whole = ask(&app, "GET", &path, &changed).await;
    assert_eq!(whole.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_no_path_leads_out_of_the_store() {
    let app = TestApp::start().await;
    let (_, path) = stored(&app).await;
    let schema = app.ctx.db.schema();
    // A file beside the store, which nobody may read.
    std::fs::write(app.files.path().join("secret.txt"), "secret").unwrap();
    let unknown = ObjectName::of(b"unknown", MediaType::Png);
    let digest = path.rsplit('/').next().unwrap().trim_end_matches(".png");
    for bad in [
        format!("/files/{schema}/{unknown}"),
        format!("/files/{schema}/{digest}.jpg"),
        format!("/files/{schema}/{digest}"),
        format!("/files/{schema}/{}.png", digest.to_uppercase()),
        format!("/files/elsewhere/{digest}.png"),
        format!("/files/{schema}/..%2f..%2f..%2fsecret.txt"),
        format!("/files/{schema}/%2e%2e%2fcontent%2f{digest}.png"),
        format!("/files/..%2f{schema}/{digest}.png"),
        format!("/files/{schema}/../../secret.txt"),
        format!("/files/{schema}/secret.txt"),
        format!("/files/{schema}/%00"),
        format!("/files/{schema}/"),
        format!("/files/{schema}"),
    ] {
        let response = ask(&app, "GET", &bad, &[]).await;
        assert!(
            response.status().is_client_error(),
            "{bad}: {}",
            response.status()
        );
        let text = body(response).await;
        assert!(
            !String::from_utf8_lossy(&text).contains("secret\n"),
            "{bad}"
        );
        assert_ne!(text, "secret", "{bad}");
    }
    let changed = ask(&app, "POST", &path, &[]).await;
    assert_eq!(changed.status(), StatusCode::METHOD_NOT_ALLOWED);
}
