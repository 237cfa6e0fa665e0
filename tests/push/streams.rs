//! Server-sent events and multipart answers.

use std::time::Duration;

use marquee::domain::auth::{Client, Credentials, Role, SignedIn};
use reqwest::{RequestBuilder, Response};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::client::PATIENCE;
use crate::{Server, bearer, since};

const EVENTS: &str = "text/event-stream";
const MULTIPART: &str =
    "multipart/mixed;boundary=\"graphql\";subscriptionSpec=\"1.0\",application/json";

fn post(server: &Server, who: Option<&SignedIn>, accept: &str, query: &str) -> RequestBuilder {
    let request = reqwest::Client::new()
        .post(server.url())
        .header("accept", accept)
        .json(&json!({ "query": query }));
    match who {
        Some(who) => request.header("authorization", bearer(who)),
        None => request,
    }
}

/// An answer that is read piece by piece.
struct Body {
    response: Response,
    text: String,
}

impl Body {
    async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        Self {
            response,
            text: String::new(),
        }
    }

    fn content_type(&self) -> &str {
        self.response.headers()["content-type"].to_str().unwrap()
    }

    /// Everything up to `end` and with it, which is taken out; `None` where the body ends before.
    async fn until(&mut self, end: &str) -> Option<String> {
        loop {
            if let Some(index) = self.text.find(end) {
                let rest = self.text.split_off(index + end.len());
                return Some(std::mem::replace(&mut self.text, rest));
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await;
            let chunk = chunk.expect("something comes").unwrap()?;
            self.text += std::str::from_utf8(&chunk).unwrap();
        }
    }

    /// The next event of an event stream, comments left out.
    async fn event(&mut self) -> Option<(String, Value)> {
        loop {
            let text = self.until("\n\n").await?;
            if text == ":\n\n" {
                continue;
            }
            let mut lines = text.trim_end().lines();
            let name = lines.next()?.strip_prefix("event: ")?.to_owned();
            let data = lines.next()?.strip_prefix("data:")?.trim();
            let data = serde_json::from_str(data).unwrap_or(Value::Null);
            return Some((name, data));
        }
    }

    /// The next part of a multipart answer.
    async fn part(&mut self) -> Option<Value> {
        let text = self.until("\r\n--graphql").await?;
        let json = text.strip_suffix("\r\n--graphql")?;
        let json = json.strip_prefix("\r\ncontent-type: application/json\r\n\r\n")?;
        Some(serde_json::from_str(json).unwrap())
    }
}

fn next(data: Value) -> Option<(String, Value)> {
    Some(("next".to_owned(), data))
}

fn complete() -> Option<(String, Value)> {
    Some(("complete".to_owned(), Value::Null))
}

#[tokio::test]
async fn a_query_is_one_event() {
    let server = Server::start().await;
    let mut body = Body::of(post(&server, None, EVENTS, "{ __typename }")).await;
    assert_eq!(body.response.status(), 200);
    assert_eq!(body.content_type(), "text/event-stream; charset=utf-8");
    assert_eq!(body.response.headers()["cache-control"], "no-store");
    let cost = json!({ "cost": { "requested": 1, "maximum": 250_000 } });
    let data = json!({ "data": { "__typename": "Query" }, "extensions": cost });
    assert_eq!(body.event().await, next(data));
    assert_eq!(body.event().await, complete());
    assert_eq!(body.event().await, None);
}

#[tokio::test]
async fn what_does_not_validate_or_is_refused_is_told_as_an_event() {
    let server = Server::start().await;
    for (query, code) in [
        ("{ nonsense }", "GRAPHQL_VALIDATION_FAILED"),
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("subscription { interactions { id } }", "UNAUTHENTICATED"),
    ] {
        let mut body = Body::of(post(&server, None, EVENTS, query)).await;
        assert_eq!(body.response.status(), 200, "{query}");
        let (name, data) = body.event().await.unwrap();
        assert_eq!(name, "next");
        let error = &data["errors"][0];
        assert_eq!(error["extensions"]["code"], code, "{data}");
        assert_eq!(body.event().await, complete());
    }
}

#[tokio::test]
async fn events_come_as_they_happen() {
    let server = Server::start().await;
    let ada = server.admin().await;
    let first = server.cursor().await;
    let mut expected = server.view(&ada).await;
    let mut body = Body::of(post(&server, Some(&ada), EVENTS, &since(&first))).await;
    for _ in 0..3 {
        let (name, data) = body.event().await.unwrap();
        assert_eq!(name, "next");
        assert_eq!(data["data"]["interactions"]["id"], json!(expected));
        expected = server.view(&ada).await;
    }
}

#[tokio::test]
async fn a_browser_may_ask_by_get_but_not_change_anything() {
    let server = Server::start().await;
    let ada = server.admin().await;
    let first = server.cursor().await;
    let second = server.view(&ada).await;
    let get = |query: &str| {
        let mut url = url::Url::parse(&server.url()).unwrap();
        url.query_pairs_mut().append_pair("query", query);
        reqwest::Client::new()
            .get(url.as_str())
            .header("accept", EVENTS)
            .header("authorization", bearer(&ada))
    };
    let mut body = Body::of(get(&since(&first))).await;
    let (_, data) = body.event().await.unwrap();
    assert_eq!(data["data"]["interactions"]["id"], json!(second));
    let refused = get("mutation { logout { errors { __typename } } }").send();
    assert_eq!(refused.await.unwrap().status(), 405);
    let elsewhere = get(&since(&first)).header("sec-fetch-site", "cross-site");
    assert_eq!(elsewhere.send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn who_takes_both_gets_json_for_an_answer_and_events_for_a_subscription() {
    let server = Server::start().await;
    let ada = server.admin().await;
    let first = server.cursor().await;
    let both = "application/graphql-response+json, text/event-stream";
    let body = Body::of(post(&server, None, both, "{ __typename }")).await;
    assert!(
        body.content_type()
            .starts_with("application/graphql-response+json")
    );
    let body = Body::of(post(&server, Some(&ada), both, &since(&first))).await;
    assert!(body.content_type().starts_with("text/event-stream"));
    let json = post(&server, Some(&ada), "application/json", &since(&first));
    let json: Value = json.send().await.unwrap().json().await.unwrap();
    assert_eq!(json["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
}

#[tokio::test]
async fn a_bad_token_is_401_for_a_stream_too() {
    let server = Server::start().await;
    let request = reqwest::Client::new()
        .post(server.url())
        .header("accept", EVENTS)
        .header("authorization", "Bearer nonsense")
        .json(&json!({ "query": "{ __typename }" }));
    assert_eq!(request.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_silent_stream_says_that_it_is_there() {
    let server = Server::with(|settings| settings.push.heartbeat_ms = 20).await;
    let ada = server.admin().await;
    let query = "subscription { interactions { id } }";
    let mut body = Body::of(post(&server, Some(&ada), EVENTS, query)).await;
    for _ in 0..5 {
        assert_eq!(body.until("\n\n").await.unwrap(), ":\n\n");
    }
    let mut body = Body::of(post(&server, Some(&ada), MULTIPART, query)).await;
    assert_eq!(body.until("--graphql").await.unwrap(), "\r\n--graphql");
    for _ in 0..5 {
        assert_eq!(body.part().await.unwrap(), json!({}));
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_session_and_is_not_called_complete() {
    let server = Server::start().await;
    let ada = server.admin().await;
    let first = server.cursor().await;
    server.view(&ada).await;
    let mut body = Body::of(post(&server, Some(&ada), EVENTS, &since(&first))).await;
    body.event().await.unwrap();
    let token = ada.tokens.access.expose_secret();
    let auth = &server.app.services.auth;
    let viewer = auth.authenticate(token).await.unwrap();
    auth.logout(&viewer).await.unwrap();
    assert_eq!(body.event().await, None);
}

#[tokio::test]
async fn a_stream_ends_with_the_server() {
    let server = Server::start().await;
    let ada = server.admin().await;
    let first = server.cursor().await;
    server.view(&ada).await;
    let mut events = Body::of(post(&server, Some(&ada), EVENTS, &since(&first))).await;
    events.event().await.unwrap();
    let mut parts = Body::of(post(&server, Some(&ada), MULTIPART, &since(&first))).await;
    parts.until("--graphql").await.unwrap();
    parts.part().await.unwrap();
    timeout(PATIENCE, server.connections.close())
        .await
        .expect("the server does not wait for good");
    assert_eq!(events.event().await, None);
    let goodbye = parts.part().await.unwrap();
    assert_eq!(goodbye["payload"], Value::Null);
    let code = &goodbye["errors"][0]["extensions"]["code"];
    assert_eq!(code, "UNAVAILABLE", "{goodbye}");
    assert_eq!(parts.until("--\r\n").await.unwrap(), "--\r\n");
}

#[tokio::test]
async fn one_stream_too_many_of_a_user_is_429() {
    let server = Server::with(|settings| settings.push.max_operations = 1).await;
    let ada = server.admin().await;
    let bob = server.sign_in("bob", Role::Admin).await;
    let query = "subscription { interactions { id } }";
    let first = Body::of(post(&server, Some(&ada), EVENTS, query)).await;
    let second = Body::of(post(&server, Some(&ada), EVENTS, query)).await;
    assert_eq!(second.response.status(), 429);
    let bobs = Body::of(post(&server, Some(&bob), EVENTS, query)).await;
    assert_eq!(bobs.response.status(), 200);
    drop(first);
    // The place is free as soon as the server has noticed.
    let patience = tokio::time::Instant::now() + Duration::from_secs(20);
    while Body::of(post(&server, Some(&ada), EVENTS, query))
        .await
        .response
        .status()
        == 429
    {
        assert!(tokio::time::Instant::now() < patience, "it is never free");
    }
}

/// A client that asks for much by an event stream and never reads a byte.
async fn deaf(server: &Server, who: &SignedIn, first: &str) -> TcpStream {
    let texts: String = (0..25)
        .map(|number| format!("t{number}: description "))
        .collect();
    let much = format!(
        "subscription {{ interactions(after: \"{first}\") {{ id content {{ {texts} }} }} }}"
    );
    let body = json!({ "query": much }).to_string();
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: here\r\naccept: {EVENTS}\r\nauthorization: {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        bearer(who),
        body.len()
    );
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(server.address).await.unwrap();
    let request = [head.as_bytes(), body.as_bytes()].concat();
    stream.write_all(&request).await.unwrap();
    // It is heard, and there is more than the buffers on the way take.
    stream.readable().await.unwrap();
    stream
}

/// Waits until somebody may have a stream beside the deaf one.
async fn a_place_is_free(server: &Server, who: &SignedIn) {
    let query = "subscription { interactions { id } }";
    let patience = tokio::time::Instant::now() + PATIENCE;
    while Body::of(post(server, Some(who), EVENTS, query))
        .await
        .response
        .status()
        == 429
    {
        assert!(tokio::time::Instant::now() < patience, "it is never free");
    }
}

async fn deaf_server(ping_ms: u64) -> (Server, SignedIn, String) {
    let server = Server::with(|settings| {
        settings.push.max_operations = 1;
        settings.push.ping_ms = ping_ms;
    })
    .await;
    let ada = server.admin().await;
    let first = server.cursor().await;
    for _ in 0..60 {
        server.view(&ada).await;
    }
    (server, ada, first)
}

#[tokio::test]
async fn a_client_that_takes_nothing_for_three_pings_loses_its_stream() {
    let (server, ada, first) = deaf_server(100).await;
    let _deaf = deaf(&server, &ada, &first).await;
    a_place_is_free(&server, &ada).await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_loses_its_stream_with_its_session() {
    let (server, ada, first) = deaf_server(600_000).await;
    let _deaf = deaf(&server, &ada, &first).await;
    let token = ada.tokens.access.expose_secret();
    let auth = &server.app.services.auth;
    let viewer = auth.authenticate(token).await.unwrap();
    auth.logout(&viewer).await.unwrap();
    let credentials = Credentials {
        email: "ada@example.org".to_owned(),
        password: crate::PASSWORD.into(),
    };
    let again = auth.login(Client::default(), &credentials).await.unwrap();
    a_place_is_free(&server, &again).await;
}

#[tokio::test]
async fn one_socket_too_many_of_an_address_without_a_token_is_closed() {
    let server = Server::with(|settings| settings.push.max_without_token_per_address = 1).await;
    let query = "subscription { interactions { id } }";
    let mut socket = server.anonymous().await;
    let mut second = server.connect().await;
    second.say(json!({ "type": "connection_init" })).await;
    assert_eq!(second.closed().await, 4429);
    socket.is_alive().await;
    // Who has a token is not meant.
    let ada = server.admin().await;
    server.socket(&ada).await.is_alive().await;
    let body = Body::of(post(&server, Some(&ada), EVENTS, query)).await;
    assert_eq!(body.response.status(), 200);
}

#[tokio::test]
async fn a_multipart_answer_has_a_part_for_each_event() {
    let server = Server::start().await;
    let ada = server.admin().await;
    let first = server.cursor().await;
    let mut expected = server.view(&ada).await;
    let mut body = Body::of(post(&server, Some(&ada), MULTIPART, &since(&first))).await;
    assert_eq!(
        body.content_type(),
        "multipart/mixed; boundary=\"graphql\"; subscriptionSpec=\"1.0\""
    );
    assert_eq!(body.until("--graphql").await.unwrap(), "\r\n--graphql");
    for _ in 0..3 {
        let part = body.part().await.unwrap();
        let interaction = &part["payload"]["data"]["interactions"];
        assert_eq!(interaction["id"], json!(expected), "{part}");
        expected = server.view(&ada).await;
    }
    let mut refused = Body::of(post(&server, None, MULTIPART, &since(&first))).await;
    refused.until("--graphql").await.unwrap();
    let part = refused.part().await.unwrap();
    let code = &part["payload"]["errors"][0]["extensions"]["code"];
    assert_eq!(code, "UNAUTHENTICATED", "{part}");
    assert_eq!(refused.until("--\r\n").await.unwrap(), "--\r\n");
    let query = Body::of(post(&server, None, MULTIPART, "{ __typename }")).await;
    assert!(query.content_type().starts_with("application/json"));
}
