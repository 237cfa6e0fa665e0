//! What one client may take, and from where.

use marquee::domain::auth::Role;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::tungstenite::Error;

use crate::client::{PATIENCE, PROTOCOL};
use crate::{Server, bearer, since};

#[tokio::test]
async fn a_page_of_another_site_gets_no_socket() {
    let server = Server::start().await;
    let own = format!("http://{}", server.address);
    for (origin, expected) in [
        ("https://evil.example.com", 403),
        ("null", 403),
        ("https://app.example.com", 101),
        (own.as_str(), 101),
    ] {
        let headers = [("sec-websocket-protocol", PROTOCOL), ("origin", origin)];
        let status = match server.try_connect(&headers).await {
            Ok(_) => 101,
            Err(Error::Http(response)) => response.status().as_u16(),
            Err(other) => panic!("{origin}: {other}"),
        };
        assert_eq!(status, expected, "{origin}");
    }
}

#[tokio::test]
async fn a_message_that_is_too_long_ends_the_socket() {
    let server = Server::with(|settings| settings.push.max_message_bytes = 1000).await;
    for length in [1001, 100_000] {
        let mut socket = server.anonymous().await;
        let text = "x".repeat(length);
        socket
            .say(json!({ "type": "ping", "payload": { "text": text } }))
            .await;
        assert_eq!(socket.closed().await, 1009, "{length}");
    }
}

#[tokio::test]
async fn one_operation_too_many_is_refused_and_the_others_go_on() {
    let server = Server::with(|settings| settings.push.max_operations = 2).await;
    let ada = server.admin().await;
    let first = server.cursor().await;
    let mut socket = server.socket(&ada).await;
    for id in ["1", "2", "3"] {
        socket.subscribe(id, &since(&first)).await;
    }
    let told = socket.next().await;
    assert_eq!((&told["type"], &told["id"]), (&json!("error"), &json!("3")));
    let code = &told["payload"][0]["extensions"]["code"];
    assert_eq!(code, "RATE_LIMITED");
    server.view(&ada).await;
    let mut ids = [socket.next().await, socket.next().await].map(|told| told["id"].to_string());
    ids.sort();
    assert_eq!(ids, ["\"1\"", "\"2\""]);
    socket.say(json!({ "type": "complete", "id": "1" })).await;
    socket.is_alive().await;
}

#[tokio::test]
async fn one_socket_too_many_of_a_user_is_closed_with_4429() {
    let server = Server::with(|settings| settings.push.max_sockets_per_user = 2).await;
    let ada = server.sign_in("ada", Role::User).await;
    let bob = server.sign_in("bob", Role::User).await;
    let mut first = server.socket(&ada).await;
    let mut second = server.socket(&ada).await;
    let mut third = server.connect().await;
    let init = json!({ "type": "connection_init", "payload": { "authorization": bearer(&ada) } });
    third.say(init).await;
    assert_eq!(third.closed().await, 4429);
    server.socket(&bob).await.is_alive().await;
    first.is_alive().await;
    second.0.close(None).await.unwrap();
    assert_eq!(second.closed().await, 1005);
    // The place is free as soon as the server has let go of the socket.
    loop {
        let mut again = server.connect().await;
        let payload = json!({ "authorization": bearer(&ada) });
        again
            .say(json!({ "type": "connection_init", "payload": payload }))
            .await;
        if again.receive().await
            == crate::client::Received::Message(json!({ "type": "connection_ack" }))
        {
            break;
        }
    }
}

#[tokio::test]
async fn there_are_not_more_connections_than_the_server_bears() {
    let server = Server::with(|settings| settings.push.max_sockets = 1).await;
    let _first = server.anonymous().await;
    let headers = [("sec-websocket-protocol", PROTOCOL)];
    match server.try_connect(&headers).await {
        Err(Error::Http(response)) => assert_eq!(response.status(), 503),
        other => panic!("{:?}", other.map(|_| ())),
    }
}

#[tokio::test]
async fn a_client_that_answers_no_pings_is_dropped() {
    let server = Server::with(|settings| settings.push.ping_ms = 20).await;
    let mut socket = server.anonymous().await;
    // Below the library, which would answer.
    let MaybeTlsStream::Plain(stream) = socket.0.get_mut() else {
        panic!("no TLS here")
    };
    let mut bytes = Vec::new();
    let reading = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    // The server cuts the connection, since nobody answers its goodbye either.
    let _ = reading.expect("the server lets go");
    let text = String::from_utf8_lossy(&bytes);
    assert_eq!(text.matches(r#"{"type":"ping"}"#).count(), 2, "{text}");
    let goodbye = [&1001_u16.to_be_bytes()[..], b"No answer to pings"].concat();
    assert!(bytes.ends_with(&goodbye), "{text}");
}

#[tokio::test]
async fn a_client_that_answers_pings_stays() {
    let server = Server::with(|settings| settings.push.ping_ms = 300).await;
    let ada = server.admin().await;
    let first = server.cursor().await;
    let mut socket = server.socket(&ada).await;
    socket.subscribe("1", &since(&first)).await;
    let mut pings = 0;
    while pings < 5 {
        use futures::StreamExt;
        use tokio_tungstenite::tungstenite::Message;
        let message = timeout(PATIENCE, socket.0.next()).await.unwrap();
        match message.unwrap().unwrap() {
            // The library answers this by itself.
            Message::Ping(_) => pings += 1,
            Message::Text(_) => {}
            other => panic!("{other:?}"),
        }
    }
    server.view(&ada).await;
    assert_eq!(socket.next().await["type"], "next");
}

#[tokio::test]
async fn a_socket_without_an_operation_is_closed_after_a_while() {
    let server = Server::with(|settings| settings.push.idle_timeout_ms = 50).await;
    let mut socket = server.anonymous().await;
    assert_eq!(socket.closed().await, 1000);
}

/// A client that reads nothing: what is made for it waits in the table, not in memory, and nobody
/// else waits with it.
#[tokio::test]
async fn a_slow_client_hears_everything_and_holds_nobody_up() {
    let server = Server::start().await;
    let ada = server.admin().await;
    let first = server.cursor().await;
    let (mut slow, mut quick) = (server.socket(&ada).await, server.socket(&ada).await);
    // Much to send for each event: more than all buffers on the way take.
    let texts: String = (0..25)
        .map(|number| format!("t{number}: description "))
        .collect();
    let much = format!(
        "subscription {{ interactions(after: \"{first}\") {{ id content {{ {texts} }} }} }}"
    );
    slow.subscribe("1", &much).await;
    quick.subscribe("1", &since(&first)).await;
    let mut recorded = Vec::new();
    for _ in 0..100 {
        let now = server.view(&ada).await;
        recorded.push(json!(now));
        let told = quick.next().await;
        assert_eq!(told["payload"]["data"]["interactions"]["id"], json!(now));
    }
    let mut received = Vec::new();
    while received.len() < recorded.len() {
        let told = slow.next().await;
        received.push(told["payload"]["data"]["interactions"]["id"].clone());
    }
    assert_eq!(received, recorded);
}
