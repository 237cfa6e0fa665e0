//! `graphql-transport-ws`, must by must.

use chrono::TimeDelta;
use marquee::domain::auth::{Role, Viewer};
use marquee::domain::interactions::{InteractionKind, NewInteraction, StreamFilter};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::client::PROTOCOL;
use crate::{Server, bearer, since};

#[tokio::test]
async fn the_protocol_is_chosen_and_the_client_acknowledged() {
    let server = Server::start().await;
    let mut socket = server.anonymous().await;
    socket.is_alive().await;
}

/// Python's `gql` looks for the subprotocol in this spelling, and speaks another one if it is not there.
#[tokio::test]
async fn the_answer_to_an_upgrade_is_spelt_as_rfc_6455_spells_it() {
    let server = Server::start().await;
    let mut wire = TcpStream::connect(server.address).await.unwrap();
    let request = format!(
        "GET /graphql HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: graphql-ws, graphql-transport-ws\r\n\r\n",
        server.address
    );
    wire.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(wire.read_u8().await.unwrap());
    }
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    for line in [
        "Connection: upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Protocol: graphql-transport-ws",
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    ] {
        assert!(
            answer.lines().any(|found| found == line),
            "{line}: {answer}"
        );
    }
    // What comes after it is left alone.
    let refused = "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let mut wire = TcpStream::connect(server.address).await.unwrap();
    wire.write_all(refused.as_bytes()).await.unwrap();
    let mut answer = String::new();
    wire.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
}

#[tokio::test]
async fn without_the_protocol_a_socket_is_closed_with_4406() {
    let server = Server::start().await;
    let mut socket = server.try_connect(&[]).await.unwrap();
    assert_eq!(socket.closed().await, 4406);
}

#[tokio::test]
async fn who_says_nothing_is_closed_with_4408() {
    let server = Server::with(|settings| settings.push.init_timeout_ms = 50).await;
    let mut socket = server.connect().await;
    assert_eq!(socket.closed().await, 4408);
}

#[tokio::test]
async fn who_subscribes_before_the_acknowledgement_is_closed_with_4401() {
    let server = Server::start().await;
    let mut socket = server.connect().await;
    socket.subscribe("1", "{ __typename }").await;
    assert_eq!(socket.closed().await, 4401);
}

#[tokio::test]
async fn who_greets_twice_is_closed_with_4429() {
    let server = Server::start().await;
    let mut socket = server.anonymous().await;
    socket.say(json!({ "type": "connection_init" })).await;
    assert_eq!(socket.closed().await, 4429);
}

#[tokio::test]
async fn what_is_no_message_is_closed_with_4400() {
    let server = Server::start().await;
    for message in [
        Message::text("nonsense"),
        Message::text("{}"),
        Message::text(r#"{"type":"start","id":"1"}"#),
        Message::text(r#"{"type":"subscribe","id":"1"}"#),
        Message::text(r#"{"type":"subscribe","id":"","payload":{"query":"{ __typename }"}}"#),
        Message::text(r#"{"type":"subscribe","payload":{"query":"{ __typename }"}}"#),
        Message::text(r#"{"type":"subscribe","id":"1","payload":{}}"#),
        Message::text(r#"{"type":"subscribe","id":"1","payload":{"query":7}}"#),
        Message::text(r#"{"type":"complete"}"#),
        Message::text(r#"{"type":"ping","payload":7}"#),
        Message::binary(r#"{"type":"ping"}"#),
    ] {
        let mut socket = server.anonymous().await;
        socket.send(message.clone()).await;
        assert_eq!(socket.closed().await, 4400, "{message:?}");
    }
}

#[tokio::test]
async fn a_second_operation_of_the_same_id_is_closed_with_4409() {
    let server = Server::start().await;
    let ada = server.admin().await;
    let first = server.cursor().await;
    let mut socket = server.socket(&ada).await;
    socket.subscribe("1", &since(&first)).await;
    socket.subscribe("1", "{ __typename }").await;
    assert_eq!(socket.closed().await, 4409);
}

#[tokio::test]
async fn a_bad_token_is_closed_with_4403_wherever_it_stands() {
    let server = Server::start().await;
    for payload in [
        json!({ "authorization": "Bearer nonsense" }),
        json!({ "Authorization": "no scheme" }),
        json!({ "headers": { "authorization": "Bearer nonsense" } }),
    ] {
        let mut socket = server.connect().await;
        let init = json!({ "type": "connection_init", "payload": payload });
        socket.say(init).await;
        assert_eq!(socket.closed().await, 4403, "{payload}");
    }
    let headers = [
        ("sec-websocket-protocol", PROTOCOL),
        ("authorization", "Bearer nonsense"),
    ];
    let mut socket = server.try_connect(&headers).await.unwrap();
    socket.say(json!({ "type": "connection_init" })).await;
    assert_eq!(socket.closed().await, 4403);
}

#[tokio::test]
async fn a_good_token_is_taken_from_the_payload_or_the_header() {
    let server = Server::start().await;
    let ada = server.sign_in("ada", Role::User).await;
    let token = bearer(&ada);
    let init = |payload: Value| json!({ "type": "connection_init", "payload": payload });
    for (headers, init) in [
        (vec![], init(json!({ "AUTHORIZATION": token }))),
        (
            vec![],
            init(json!({ "headers": { "Authorization": token } })),
        ),
        (
            vec![("authorization", token.as_str())],
            json!({ "type": "connection_init" }),
        ),
    ] {
        let all: Vec<_> = [("sec-websocket-protocol", PROTOCOL)]
            .into_iter()
            .chain(headers)
            .collect();
        let mut socket = server.try_connect(&all).await.unwrap();
        socket.say(init).await;
        socket.next().await;
        socket
            .subscribe("1", "{ viewer { ... on User { id } } }")
            .await;
        let told = socket.next().await;
        let id = &told["payload"]["data"]["viewer"]["id"];
        assert_eq!(*id, json!(ada.user.id), "{told}");
    }
}

#[tokio::test]
async fn a_ping_is_answered_with_its_payload_even_before_the_greeting() {
    let server = Server::start().await;
    let mut socket = server.connect().await;
    socket.say(json!({ "type": "ping" })).await;
    assert_eq!(socket.next().await, json!({ "type": "pong" }));
    socket
        .say(json!({ "type": "ping", "payload": { "n": 1 } }))
        .await;
    let pong = json!({ "type": "pong", "payload": { "n": 1 } });
    assert_eq!(socket.next().await, pong);
    socket
        .say(json!({ "type": "pong", "payload": { "n": 1 } }))
        .await;
    socket.say(json!({ "type": "connection_init" })).await;
    assert_eq!(socket.next().await, json!({ "type": "connection_ack" }));
}

#[tokio::test]
async fn queries_and_mutations_answer_once() {
    let server = Server::start().await;
    let ada = server.sign_in("ada", Role::User).await;
    let film = server.app.film("A film").await;
    let mut socket = server.socket(&ada).await;
    socket.is_alive().await;
    let like = "mutation ($input: RecordInteractionInput!) { recordInteraction(input: $input) { interaction { kind } errors { __typename } } }";
    let input = json!({ "contentId": film, "kind": "LIKE" });
    let payload = json!({ "query": like, "variables": { "input": input } });
    socket
        .say(json!({ "type": "subscribe", "id": "1", "payload": payload }))
        .await;
    let told = socket.next().await;
    let kind = &told["payload"]["data"]["recordInteraction"]["interaction"]["kind"];
    assert_eq!(*kind, "LIKE", "{told}");
    let complete = json!({ "type": "complete", "id": "1" });
    assert_eq!(socket.next().await, complete);
}

#[tokio::test]
async fn what_does_not_begin_is_an_error_and_its_id_is_free_again() {
    let server = Server::start().await;
    let ada = server.sign_in("ada", Role::User).await;
    let mut socket = server.socket(&ada).await;
    for (query, code) in [
        ("{ nonsense }", "GRAPHQL_VALIDATION_FAILED"),
        ("{", "GRAPHQL_PARSE_FAILED"),
        (
            "{ a: __typename b: __typename c: __typename d: __typename e: __typename f: __typename g: __typename h: __typename i: __typename j: __typename k: __typename l: __typename m: __typename n: __typename o: __typename p: __typename q: __typename r: __typename s: __typename t: __typename u: __typename }",
            "OPERATION_TOO_COMPLEX",
        ),
        ("subscription { interactions { id } }", "FORBIDDEN"),
        ("subscription { nonsense }", "GRAPHQL_VALIDATION_FAILED"),
        (
            "subscription { interactions { id } other: interactions { id } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            "subscription { ...F } fragment F on Subscription { interactions { id } jobs { id } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        // One field by a fragment is one field.
        (
            "subscription { ...F } fragment F on Subscription { interactions { id } }",
            "FORBIDDEN",
        ),
    ] {
        socket.subscribe("1", query).await;
        let told = socket.next().await;
        assert_eq!(told["type"], "error", "{query}: {told}");
        assert_eq!(told["id"], "1");
        let error = &told["payload"][0];
        assert_eq!(error["extensions"]["code"], code, "{query}: {told}");
        assert!(error["extensions"]["requestId"].is_string(), "{told}");
    }
    socket.is_alive().await;
}

#[tokio::test]
async fn nobody_hears_of_interactions_without_signing_in() {
    let server = Server::start().await;
    let mut socket = server.anonymous().await;
    socket
        .subscribe("1", "subscription { interactions { id } }")
        .await;
    let told = socket.next().await;
    let code = &told["payload"][0]["extensions"]["code"];
    assert_eq!(
        (&told["type"], code),
        (&json!("error"), &json!("UNAUTHENTICATED"))
    );
}

#[tokio::test]
async fn events_come_as_they_happen_until_the_client_has_enough() {
    let server = Server::start().await;
    let ada = server.admin().await;
    let first = server.cursor().await;
    let second = server.view(&ada).await;
    let mut socket = server.socket(&ada).await;
    socket.subscribe("1", &since(&first)).await;
    let id = |told: &Value| told["payload"]["data"]["interactions"]["id"].clone();
    assert_eq!(id(&socket.next().await), json!(second), "what was missed");
    for _ in 0..3 {
        let now = server.view(&ada).await;
        assert_eq!(id(&socket.next().await), json!(now), "what happens");
    }
    socket.say(json!({ "type": "complete", "id": "1" })).await;
    socket.is_alive().await;
    server.view(&ada).await;
    socket.is_alive().await;
    // The id is free again.
    socket.subscribe("1", "{ __typename }").await;
    assert_eq!(socket.next().await["type"], "next");
}

#[tokio::test]
async fn only_what_fits_the_filter_is_told() {
    let server = Server::start().await;
    let ada = server.admin().await;
    let bob = server.sign_in("bob", Role::User).await;
    let first = server.cursor().await;
    let mut socket = server.socket(&ada).await;
    let filter = format!(
        "{{ user: {{ eq: \"{}\" }}, kind: {{ in: [VIEW] }} }}",
        bob.user.id
    );
    let query = format!(
        "subscription {{ interactions(after: \"{first}\", filter: {filter}) {{ id content {{ title }} }} }}"
    );
    server.view(&ada).await;
    let bobs = server.view(&bob).await;
    socket.subscribe("1", &query).await;
    for expected in [bobs, {
        server.view(&ada).await;
        server.view(&bob).await
    }] {
        let told = socket.next().await;
        let interaction = &told["payload"]["data"]["interactions"];
        assert_eq!(interaction["id"], json!(expected), "{told}");
        assert_eq!(interaction["content"]["title"], "A film");
    }
}

#[tokio::test]
async fn who_was_too_slow_is_told_what_happened_all_the_same() {
    let server = Server::start().await;
    let ada = server.admin().await;
    let film = server.app.film("A film").await;
    let interactions = &server.app.services.interactions;
    let all = StreamFilter::default();
    let mut stream = interactions
        .stream(&Viewer::Command, all, None)
        .await
        .unwrap();
    let mut recorded = Vec::new();
    // More notes than wait for anybody.
    for _ in 0..700 {
        server.app.ctx.clock.advance(TimeDelta::milliseconds(1));
        let new = NewInteraction {
            user: Some(ada.user.id.into()),
            ..NewInteraction::new(film, InteractionKind::View)
        };
        let made = interactions.record(&Viewer::Command, new).await.unwrap();
        recorded.push(made.interaction.id);
    }
    for id in recorded {
        let told = stream.next().await.unwrap().unwrap();
        assert_eq!(told.interaction.id, id);
    }
}

/// Loaders keep what they read; a subscription must not.
#[tokio::test]
async fn an_event_shows_rows_as_they_are_then() {
    let server = Server::start().await;
    let ada = server.admin().await;
    let film = server.app.film("Its first title").await;
    let mut socket = server.socket(&ada).await;
    let like = async |key: &str| {
        server.app.ctx.clock.advance(TimeDelta::seconds(1));
        let document = format!(
            "mutation {{ recordInteraction(input: {{ userId: \"{}\", contentId: \"{film}\", kind: LIKE, idempotencyKey: \"{key}\" }}) {{ interaction {{ id }} errors {{ __typename }} }} }}",
            ada.user.id
        );
        let done = server.app.ask(&document).await;
        done["recordInteraction"]["interaction"]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    like("1").await;
    let first = server.cursor().await;
    like("2").await;
    let query =
        format!("subscription {{ interactions(after: \"{first}\") {{ content {{ title }} }} }}");
    socket.subscribe("1", &query).await;
    let title = |told: Value| told["payload"]["data"]["interactions"]["content"]["title"].clone();
    assert_eq!(title(socket.next().await), "Its first title");
    let rename = format!(
        "mutation {{ updateContent(input: {{ id: \"{film}\", title: \"Its second title\" }}) {{ errors {{ __typename }} }} }}"
    );
    server.app.ask(&rename).await;
    like("3").await;
    assert_eq!(title(socket.next().await), "Its second title");
}
