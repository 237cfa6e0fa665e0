//! What strangers may ask of a server, and that others are served meanwhile.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

#[path = "../support/redis.rs"]
mod redis_server;
#[path = "../support/server.rs"]
mod server;
#[path = "../support/mod.rs"]
mod support;

mod cost;
mod database;
mod owners;
mod texts;
mod truth;

use server::{Server, bearer};

use marquee::domain::auth::SignedIn;
use serde_json::{Value, json};

/// Sends a document, and answers the whole response as JSON.
pub async fn send(server: &Server, who: Option<&SignedIn>, query: &str, variables: Value) -> Value {
    let mut request = reqwest::Client::new()
        .post(server.url())
        .json(&json!({ "query": query, "variables": variables }));
    if let Some(who) = who {
        request = request.header("authorization", bearer(who));
    }
    request.send().await.unwrap().json().await.unwrap()
}

/// The code of the first error of a response, or nothing.
pub fn code(response: &Value) -> &str {
    response["errors"][0]["extensions"]["code"]
        .as_str()
        .unwrap_or_default()
}
