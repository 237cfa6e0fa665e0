//! GraphQL over WebSocket: the protocol `graphql-transport-ws`.
//!
//! Each socket is one task, which reads, writes and polls its operations in turns. While a client is
//! slow to take a message, nothing more is produced for it, and other clients are not affected.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response as HttpResponse};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::Instrument;

use super::negotiate::{MediaType, list};
use super::respond::Refusal;
use super::{Endpoint, cross_site};
use crate::domain::auth::Client;
use crate::graphql::errors::codes;
use crate::graphql::public_url::PublicUrl;
use crate::http::connections::{ConnectionPermit, ConnectionRegistry, EndReason, Registration};
use crate::http::identity::{self, RequestIdentity};
use crate::http::middleware::RequestId;

mod connection;
mod message;

use connection::Connection;
use message::PROTOCOL;

/// The longest response sent over a socket, in bytes. It bounds the buffer of a slow client.
const ANSWER_BYTES: usize = 4 << 20;
/// What a socket reads ahead. The usual 128 KiB would be most of what a socket takes.
const READ_BUFFER: usize = 4096;
/// How long a client has to acknowledge that the socket is closed.
const CLOSING: Duration = Duration::from_secs(1);

/// The longest reason that fits into a close frame, in bytes.
const REASON_BYTES: usize = 123;

/// How a socket is closed.
#[derive(Debug, PartialEq, Eq)]
enum Close {
    /// The client has disconnected or does not read any more.
    Disconnected,
    /// The server closes it, with a code and a reason.
    Frame(u16, Cow<'static, str>),
}

impl Close {
    const fn with_code(code: u16, reason: &'static str) -> Self {
        Self::Frame(code, Cow::Borrowed(reason))
    }
}

/// A client that has authenticated.
struct AuthenticatedClient {
    identity: RequestIdentity,
    registration: Arc<Registration>,
}

/// What a socket needs: its endpoint, the registry of connections and the facts of its upgrade request.
struct SocketContext {
    endpoint: Endpoint<RequestIdentity>,
    registry: ConnectionRegistry,
    /// The token of the upgrade's `Authorization` header.
    token: Result<Option<String>, Refusal>,
    client: Client,
    public_url: PublicUrl,
    _permit: ConnectionPermit,
}

/// Whether a request asks to upgrade to a WebSocket.
#[must_use]
pub fn is_upgrade(headers: &HeaderMap) -> bool {
    list(headers, &header::UPGRADE).any(|protocol| protocol.eq_ignore_ascii_case("websocket"))
}

/// Handles an upgrade request.
pub async fn upgrade(
    endpoint: Endpoint<RequestIdentity>,
    registry: ConnectionRegistry,
    request: Request,
) -> HttpResponse {
    let (mut parts, _) = request.into_parts();
    let request_id = parts.extensions.get::<RequestId>().cloned();
    let request_id = request_id.unwrap_or_default();
    let refuse = |refusal: Refusal| refusal.respond(MediaType::Json, request_id.as_str());
    if !cross_site::may_open_socket(&parts.headers, &endpoint.settings.origins) {
        return refuse(Refusal::new(
            StatusCode::FORBIDDEN,
            codes::FORBIDDEN,
            "a socket from another site needs its origin on the CORS list",
        ));
    }
    let permit = match registry.connections().acquire_permit() {
        Ok(permit) => permit,
        Err(refusal) => return refuse(refusal),
    };
    let context = SocketContext {
        public_url: endpoint.settings.public_url.of(&parts),
        endpoint,
        token: identity::bearer(&parts),
        client: identity::client(&parts.extensions),
        registry,
        _permit: permit,
    };
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let tasks = context.registry.connections().tasks().clone();
    let most = context.registry.limits().max_message_bytes;
    let span = tracing::info_span!("socket", request.id = request_id.as_str());
    upgrade
        .protocols([PROTOCOL])
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(ANSWER_BYTES + most + READ_BUFFER)
        // A message a little too long is answered by a close code, one far too long is not read.
        .max_message_size(most.saturating_mul(2))
        .max_frame_size(most.saturating_mul(2))
        .on_upgrade(move |socket| tasks.track_future(run(socket, context).instrument(span)))
}

/// Runs a socket until it is closed.
async fn run(mut socket: WebSocket, context: SocketContext) {
    let reason = if socket.protocol().is_some() {
        let (admitted, authenticated) = watch::channel(None);
        let mut connection = Connection::new(&mut socket, &context, admitted);
        // Concurrently: a client that reads nothing must not outlive its session.
        tokio::select! {
            biased;
            close = until_end(&context, authenticated) => close,
            close = connection.run() => close,
        }
    } else {
        Close::with_code(4406, "Subprotocol not acceptable")
    };
    // A client that does not read now is not told; nothing else can be done.
    let _ = timeout(CLOSING, close(&mut socket, reason)).await;
}

/// Sends a close frame, or answers that of the client, and waits for the end: closing the connection
/// while input of the client is still unread could discard the close frame.
async fn close(socket: &mut WebSocket, reason: Close) {
    if let Close::Frame(code, reason) = reason {
        tracing::debug!(code, %reason, "A socket is closed");
        // Control frames are limited in size.
        let reason = reason[..reason.floor_char_boundary(REASON_BYTES)].into();
        let frame = CloseFrame { code, reason };
        if socket.send(Message::Close(Some(frame))).await.is_err() {
            return;
        }
    }
    while let Some(Ok(_)) = socket.recv().await {}
}

/// Waits until the socket must be closed, independently of its messages.
async fn until_end(
    context: &SocketContext,
    mut authenticated: watch::Receiver<Option<Arc<AuthenticatedClient>>>,
) -> Close {
    let (registry, connections) = (&context.registry, context.registry.connections());
    let init_timeout = Duration::from_millis(registry.limits().init_timeout_ms);
    tokio::select! {
        // The sender lives as long as the connection, which ends together with this.
        _ = authenticated.wait_for(Option::is_some) => {}
        () = connections.stopped() => return shutting_down(),
        () = sleep(init_timeout) => {
            return Close::with_code(4408, "Connection initialisation timeout");
        }
    }
    loop {
        let Some(present) = authenticated.borrow_and_update().clone() else {
            return Close::Disconnected;
        };
        tokio::select! {
            reason = registry.until_end(&present.registration, &present.identity.admission) => {
                return match reason {
                    EndReason::Unauthorised => Close::with_code(4403, "Forbidden"),
                    EndReason::ShuttingDown => shutting_down(),
                };
            }
            // A renewal: the new token counts from now on.
            changed = authenticated.changed() => {
                if changed.is_err() {
                    return Close::Disconnected;
                }
            }
        }
    }
}

const fn shutting_down() -> Close {
    Close::with_code(1012, "Service restart")
}
