//! A subscriber over `graphql-transport-ws` that costs little: what it is told is read and not parsed.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, bail, ensure};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// One address has some 28,000 ports to connect from; the next so many use the next address.
const OF_ONE_ADDRESS: usize = 20_000;
/// The usual buffers, of 128 KiB, would be gigabytes here.
const BUFFER: usize = 4096;

/// One connection.
pub struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// Connects the socket of this number to `port` and signs in.
    ///
    /// # Errors
    /// When the server does not let it in.
    pub async fn open(port: u16, number: usize, token: &str) -> anyhow::Result<Self> {
        let of = u8::try_from(1 + number / OF_ONE_ADDRESS).context("too many subscribers")?;
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, of), 0)))?;
        let stream = socket
            .connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
            .await?;
        stream.set_nodelay(true)?;
        let mut request = "ws://localhost/graphql".into_client_request()?;
        request.headers_mut().insert(
            SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_static("graphql-transport-ws"),
        );
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER)
            .write_buffer_size(0);
        let (stream, _) = client_async_with_config(request, stream, Some(config)).await?;
        let mut socket = Self(stream);
        let payload = json!({ "authorization": format!("Bearer {token}") });
        socket
            .say(&json!({ "type": "connection_init", "payload": payload }))
            .await?;
        let answer = socket.next().await?;
        ensure!(
            answer.contains("\"connection_ack\""),
            "not let in: {answer}"
        );
        Ok(socket)
    }

    /// Begins the operation `1`.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn subscribe(&mut self, document: &str) -> anyhow::Result<()> {
        let payload = json!({ "query": document });
        self.say(&json!({ "type": "subscribe", "id": "1", "payload": payload }))
            .await
    }

    async fn say(&mut self, message: &Value) -> anyhow::Result<()> {
        Ok(self.0.send(Message::text(message.to_string())).await?)
    }

    /// The next message, pings left out, which the library answers.
    ///
    /// # Errors
    /// When the connection ends.
    pub async fn next(&mut self) -> anyhow::Result<Utf8Bytes> {
        loop {
            match self.0.next().await.context("the server has gone")?? {
                Message::Text(text) if text.starts_with("{\"type\":\"ping\"") => {}
                Message::Text(text) => return Ok(text),
                Message::Close(frame) => bail!("the server has closed: {frame:?}"),
                _ => {}
            }
        }
    }
}
