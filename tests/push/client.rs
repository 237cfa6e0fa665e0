//! A client that says exactly what it is told to.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use marquee::domain::auth::SignedIn;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::{Server, bearer};

/// How long something that must come may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub const PROTOCOL: &str = "graphql-transport-ws";

pub struct Socket(pub WebSocketStream<MaybeTlsStream<TcpStream>>);

/// What comes over a socket.
#[derive(Debug, PartialEq)]
pub enum Received {
    Message(Value),
    Closed(u16),
}

impl Server {
    /// Asks for a socket with these headers.
    pub async fn try_connect(
        &self,
        headers: &[(&'static str, &str)],
    ) -> Result<Socket, tungstenite::Error> {
        let url = format!("ws://{}/graphql", self.address);
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).unwrap();
            let headers = request.headers_mut();
            headers.insert(HeaderName::from_static(name), value);
        }
        Ok(Socket(connect_async(request).await?.0))
    }

    /// A socket on which nothing has been said.
    pub async fn connect(&self) -> Socket {
        let headers = [("sec-websocket-protocol", PROTOCOL)];
        self.try_connect(&headers).await.unwrap()
    }

    /// A socket of somebody, acknowledged.
    pub async fn socket(&self, who: &SignedIn) -> Socket {
        let mut socket = self.connect().await;
        let payload = json!({ "authorization": bearer(who) });
        socket
            .say(json!({ "type": "connection_init", "payload": payload }))
            .await;
        assert_eq!(socket.next().await, json!({ "type": "connection_ack" }));
        socket
    }

    /// A socket of nobody's, acknowledged.
    pub async fn anonymous(&self) -> Socket {
        let mut socket = self.connect().await;
        socket.say(json!({ "type": "connection_init" })).await;
        assert_eq!(socket.next().await, json!({ "type": "connection_ack" }));
        socket
    }
}

impl Socket {
    pub async fn say(&mut self, message: Value) {
        self.send(Message::text(message.to_string())).await;
    }

    pub async fn send(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    pub async fn subscribe(&mut self, id: &str, query: &str) {
        let payload = json!({ "query": query });
        self.say(json!({ "type": "subscribe", "id": id, "payload": payload }))
            .await;
    }

    /// What comes next, pings of the server left out.
    pub async fn receive(&mut self) -> Received {
        loop {
            let message = timeout(PATIENCE, self.0.next()).await;
            match message.expect("something is heard") {
                Some(Ok(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    if message["type"] != "ping" {
                        return Received::Message(message);
                    }
                }
                Some(Ok(Message::Close(frame))) => {
                    return Received::Closed(frame.map_or(1005, |frame| frame.code.into()));
                }
                Some(Ok(_)) => {}
                other => panic!("neither a message nor a close frame: {other:?}"),
            }
        }
    }

    /// The next message.
    pub async fn next(&mut self) -> Value {
        match self.receive().await {
            Received::Message(message) => message,
            Received::Closed(code) => panic!("closed with {code}"),
        }
    }

    /// The code that the socket is closed with; messages before it are passed over.
    pub async fn closed(&mut self) -> u16 {
        loop {
            if let Received::Closed(code) = self.receive().await {
                return code;
            }
        }
    }

    /// Asks something small: whatever was said before has been heard when the answer comes.
    pub async fn is_alive(&mut self) {
        self.subscribe("alive", "{ __typename }").await;
        let answer = self.next().await;
        assert_eq!(
            (&answer["type"], &answer["id"]),
            (&json!("next"), &json!("alive"))
        );
        assert_eq!(answer["payload"]["data"], json!({ "__typename": "Query" }));
        let complete = json!({ "type": "complete", "id": "alive" });
        assert_eq!(self.next().await, complete);
    }
}
