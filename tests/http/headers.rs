//! Methods, media types, tokens, origins: what the head of a request decides.

use serde_json::json;

use crate::support::Server;

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn methods_other_than_get_and_post_are_told_which_ones_work() {
    let server = Server::start().await;
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
        let answer = server.send(&format!("{method} /graphql"), &[], b"").await;
        if method == "OPTIONS" {
            // The CORS layer answers every preflight; without an origin there is nothing in it.
            assert_eq!(answer.header("access-control-allow-origin"), None);
            continue;
        }
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, Some("get, post")),
            "{method}"
        );
    }
    let answer = server
        .send(
            "GET /graphql?query=mutation%7Blogin(password:%22right%22)%7D",
            &[],
            b"",
        )
        .await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("post")));
}

#[tokio::test]
async fn a_bad_token_is_401_and_none_is_a_guest() {
    let server = Server::start().await;
    let body = json!({ "query": "{ viewer }" }).to_string();
    for (token, viewer) in [("Bearer good", "ana"), ("", "guest")] {
        let mut headers = vec![JSON];
        if !token.is_empty() {
            headers.push(("authorization", token));
        }
        let answer = server
            .send("POST /graphql", &headers, body.as_bytes())
            .await;
        assert_eq!(answer.json(), json!({ "data": { "viewer": viewer } }));
    }
    let headers = [JSON, ("authorization", "Bearer bad")];
    let answer = server
        .send("POST /graphql", &headers, body.as_bytes())
        .await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (401, "UNAUTHENTICATED")
    );
    assert_eq!(answer.header("www-authenticate"), Some("bearer"));
}

#[tokio::test]
async fn bodies_and_answers_have_the_right_type() {
    let server = Server::start().await;
    let body = br#"{"query":"{ hello }"}"#;
    for headers in [
        &[("content-type", "text/plain")][..],
        &[("content-type", "application/x-www-form-urlencoded")],
        &[("content-type", "multipart/form-data; boundary=x")],
        &[JSON, ("content-encoding", "gzip")],
    ] {
        let answer = server.send("POST /graphql", headers, body).await;
        assert_eq!(answer.status, 415, "{headers:?}");
    }
    let answer = server
        .send("POST /graphql", &[JSON, ("accept", "text/html")], body)
        .await;
    assert_eq!(answer.status, 406);
    let answer = server.send("POST /graphql", &[JSON], body).await;
    assert_eq!(
        answer.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let answer = server.query("{ cached }").await;
    assert_eq!(answer.header("cache-control"), Some("max-age=60"));
}

#[tokio::test]
async fn other_sites_are_kept_out() {
    let server = Server::start().await;
    let get = "GET /graphql?query=%7Bhello%7D";
    let cross = ("sec-fetch-site", "cross-site");
    assert_eq!(server.send(get, &[cross], b"").await.status, 403);
    assert_eq!(
        server
            .send(get, &[cross, ("x-marquee-csrf", "1")], b"")
            .await
            .status,
        200
    );
    for (origin, allowed) in [
        ("https://app.example.com", true),
        ("https://evil.example.com", false),
    ] {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            (
                "access-control-request-headers",
                "content-type,authorization",
            ),
        ];
        let answer = server.send("OPTIONS /graphql", &headers, b"").await;
        assert_eq!(
            answer.header("access-control-allow-origin"),
            allowed.then_some(origin)
        );
    }
}

#[tokio::test]
async fn every_answer_carries_an_id_and_the_security_headers() {
    let server = Server::start().await;
    let long = "x".repeat(129);
    for (given, kept) in [
        ("abc-1/2", true),
        (long.as_str(), false),
        ("a b", false),
        ("", false),
    ] {
        let answer = server
            .send("GET /page", &[("x-request-id", given)], b"")
            .await;
        let id = answer.header("x-request-id").expect("an id");
        assert_eq!(id == given, kept, "{given}");
        assert!(kept || id.len() == 36);
        assert!(
            answer
                .header("content-security-policy")
                .is_some_and(|p| p.contains("script-src 'self'"))
        );
    }
    for line in ["GET /nowhere", "POST /graphql"] {
        let answer = server.send(line, &[], b"").await;
        assert!(answer.header("x-request-id").is_some());
        assert_eq!(answer.header("x-frame-options"), Some("deny"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert!(
            answer
                .header("content-security-policy")
                .is_some_and(|p| p.starts_with("default-src 'none'; frame"))
        );
    }
}
