//! Documents that a client names instead of sending them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use marquee::http::graphql::Settings;
use marquee::http::graphql::persisted::{AutomaticDocuments, PersistedDocuments, TrustedDocuments};
use marquee::platform::config::DocumentTrust;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Answer, Server};

const HELLO: &str = "query Hello { hello }";

/// Automatic documents in memory.
fn automatic() -> AutomaticDocuments {
    let kept: Arc<Mutex<HashMap<String, String>>> = Arc::default();
    Arc::new(move |hash, document| {
        let mut kept = kept.lock().expect("not poisoned");
        let document = match document {
            Some(document) => Some(kept.entry(hash).or_insert(document).clone()),
            None => kept.get(&hash).cloned(),
        };
        Box::pin(async move { document })
    })
}

async fn server(trust: DocumentTrust, automatic: Option<AutomaticDocuments>) -> Server {
    let manifest = json!({ "hello-1": HELLO }).to_string();
    let persisted = PersistedDocuments {
        trust,
        trusted: Arc::new(TrustedDocuments::read(&manifest).expect("a manifest")),
        automatic,
    };
    Server::with_persisted(Settings::default(), persisted).await
}

fn sha256(source: &str) -> String {
    let digest = Sha256::digest(source);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hashed(hash: &str) -> Value {
    json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } })
}

fn data(answer: &Answer) -> Value {
    answer.json()["data"].clone()
}

#[tokio::test]
async fn a_hash_is_enough_once_its_document_was_sent() {
    let server = server(DocumentTrust::Off, Some(automatic())).await;
    let extensions = hashed(&sha256(HELLO));
    let by_hash = json!({ "extensions": extensions });
    let unknown = server.post(&by_hash).await;
    assert_eq!(unknown.code(), "PERSISTED_QUERY_NOT_FOUND");
    assert_eq!(
        unknown.json()["errors"][0]["message"],
        "PersistedQueryNotFound"
    );
    let sent = json!({ "query": HELLO, "extensions": extensions });
    assert_eq!(data(&server.post(&sent).await), json!({ "hello": "hello" }));
    assert_eq!(
        data(&server.post(&by_hash).await),
        json!({ "hello": "hello" })
    );
    let encoded: String = extensions
        .to_string()
        .bytes()
        .map(|byte| format!("%{byte:02x}"))
        .collect();
    let line = format!("GET /graphql?operationName=Hello&extensions={encoded}");
    let answer = server.send(&line, &[], b"").await;
    assert_eq!(data(&answer), json!({ "hello": "hello" }));
}

#[tokio::test]
async fn a_hash_stands_for_a_valid_document_of_its_own_only() {
    let server = server(DocumentTrust::Off, Some(automatic())).await;
    let wrong = json!({ "query": "{ hello }", "extensions": hashed(&sha256(HELLO)) });
    assert_eq!(server.post(&wrong).await.code(), "BAD_USER_INPUT");
    let invalid = json!({ "query": "{ nope }", "extensions": hashed(&sha256("{ nope }")) });
    assert_eq!(
        server.post(&invalid).await.code(),
        "GRAPHQL_VALIDATION_FAILED"
    );
    for hash in [sha256(HELLO), sha256("{ nope }")] {
        let answer = server.post(&json!({ "extensions": hashed(&hash) })).await;
        assert_eq!(answer.code(), "PERSISTED_QUERY_NOT_FOUND");
    }
    for extension in [
        json!(1),
        json!({ "version": 2, "sha256Hash": sha256(HELLO) }),
        json!({ "version": 1, "sha256Hash": "abc" }),
        json!({ "version": 1 }),
    ] {
        let body = json!({ "query": HELLO, "extensions": { "persistedQuery": extension } });
        assert_eq!(server.post(&body).await.code(), "BAD_USER_INPUT", "{body}");
    }
}

#[tokio::test]
async fn a_client_learns_that_automatic_documents_are_off() {
    let server = server(DocumentTrust::Off, None).await;
    let extensions = hashed(&sha256(HELLO));
    let answer = server.post(&json!({ "extensions": extensions })).await;
    assert_eq!(answer.code(), "PERSISTED_QUERY_NOT_SUPPORTED");
    let sent = json!({ "query": HELLO, "extensions": extensions });
    assert_eq!(data(&server.post(&sent).await), json!({ "hello": "hello" }));
}

#[tokio::test]
async fn a_trusted_document_is_named_by_its_id() {
    let server = server(DocumentTrust::Allow, None).await;
    let named = json!({ "documentId": "hello-1" });
    assert_eq!(
        data(&server.post(&named).await),
        json!({ "hello": "hello" })
    );
    let answer = server
        .send("GET /graphql?documentId=hello-1", &[], b"")
        .await;
    assert_eq!(data(&answer), json!({ "hello": "hello" }));
    let unknown = server.post(&json!({ "documentId": "hello-2" })).await;
    assert_eq!(unknown.code(), "BAD_USER_INPUT");
    let other = json!({ "documentId": "hello-1", "query": "{ hello }" });
    assert_eq!(server.post(&other).await.code(), "BAD_USER_INPUT");
    assert_eq!(
        data(&server.query("{ hello }").await),
        json!({ "hello": "hello" })
    );
}

#[tokio::test]
async fn where_trusted_documents_are_required_only_some_may_send_others() {
    let server = server(DocumentTrust::Require, Some(automatic())).await;
    for body in [
        json!({ "query": "{ hello }" }),
        json!({ "query": "{ hello }", "documentId": "hello-2" }),
        json!({ "query": "{ hello }", "extensions": hashed(&sha256("{ hello }")) }),
        json!({ "extensions": hashed(&sha256("{ hello }")) }),
    ] {
        assert_eq!(server.post(&body).await.code(), "FORBIDDEN", "{body}");
    }
    for body in [
        json!({ "documentId": "hello-1" }),
        json!({ "query": HELLO }),
    ] {
        assert_eq!(data(&server.post(&body).await), json!({ "hello": "hello" }));
    }
    // Ana may.
    let headers = [
        ("content-type", "application/json"),
        ("authorization", "Bearer good"),
    ];
    let body = json!({ "query": "{ hello }" }).to_string();
    let answer = server
        .send("POST /graphql", &headers, body.as_bytes())
        .await;
    assert_eq!(data(&answer), json!({ "hello": "hello" }));
}
