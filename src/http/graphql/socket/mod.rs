//! GraphQL over WebSocket: the protocol `graphql-transport-ws`.
//!
//! Each socket is one task, which reads, writes and polls the operations by turns. While a client
//! is slow to take a message nothing further is made for it, and nobody else is concerned.

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
use crate::graphql::label::codes;
use crate::http::asker::{self, Asker};
use crate::http::live::{Doors, Ending, Entry, Place};
use crate::http::middleware::RequestId;

mod message;
mod talk;

use message::PROTOCOL;
use talk::Talk;

/// The longest answer that goes over a socket, in bytes; it bounds what is kept for a slow client.
const ANSWER_BYTES: usize = 4 << 20;
/// What a socket reads ahead. The usual 128 KiB would be most of what a socket takes.
const READ_BUFFER: usize = 4096;
/// How long a client has to hear that the socket is closed.
const CLOSING: Duration = Duration::from_secs(1);

/// The longest reason that fits beside a code.
const REASON_BYTES: usize = 123;

/// How a socket ends.
#[derive(Debug, PartialEq, Eq)]
enum Bye {
    /// The client is gone, or does not listen any more.
    Gone,
    /// With this code and reason.
    Close(u16, Cow<'static, str>),
}

impl Bye {
    const fn close(code: u16, reason: &'static str) -> Self {
        Self::Close(code, Cow::Borrowed(reason))
    }
}

/// Somebody who was let in.
struct Guest {
    asker: Asker,
    entry: Arc<Entry>,
}

/// What a socket stands on.
struct Host {
    endpoint: Endpoint<Asker>,
    doors: Doors,
    /// What the upgrade's `Authorization` header says.
    token: Result<Option<String>, Refusal>,
    client: Client,
    _place: Place,
}

/// Whether a request wants to become a socket.
#[must_use]
pub fn is_upgrade(headers: &HeaderMap) -> bool {
    list(headers, &header::UPGRADE).any(|protocol| protocol.eq_ignore_ascii_case("websocket"))
}

/// Answers a request that wants to become a socket.
pub async fn upgrade(endpoint: Endpoint<Asker>, doors: Doors, request: Request) -> HttpResponse {
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
    let place = match doors.live().place() {
        Ok(place) => place,
        Err(refusal) => return refuse(refusal),
    };
    let host = Host {
        endpoint,
        token: asker::bearer(&parts),
        client: asker::client(&parts),
        doors,
        _place: place,
    };
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let tasks = host.doors.live().tasks().clone();
    let most = host.doors.limits().max_message_bytes;
    let span = tracing::info_span!("socket", request.id = request_id.as_str());
    upgrade
        .protocols([PROTOCOL])
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(ANSWER_BYTES + most + READ_BUFFER)
        // A message a little too long is answered by a close code, one far too long is not read.
        .max_message_size(most.saturating_mul(2))
        .max_frame_size(most.saturating_mul(2))
        .on_upgrade(move |socket| tasks.track_future(run(socket, host).instrument(span)))
}

/// A socket, from its beginning to its end.
async fn run(mut socket: WebSocket, host: Host) {
    let bye = if socket.protocol().is_some() {
        let (admitted, guest) = watch::channel(None);
        let mut talk = Talk::new(&mut socket, &host, admitted);
        // Beside each other: a client that takes nothing must not outlive its session.
        tokio::select! {
            biased;
            bye = over(&host, guest) => bye,
            bye = talk.run() => bye,
        }
    } else {
        Bye::close(4406, "Subprotocol not acceptable")
    };
    // Who does not listen now does not hear it; there is nothing else to be done.
    let _ = timeout(CLOSING, close(&mut socket, bye)).await;
}

/// Says goodbye, or answers that of the client, and waits for the end: a connection that is cut
/// while something of the client's is still unread would take the goodbye with it.
async fn close(socket: &mut WebSocket, bye: Bye) {
    if let Bye::Close(code, reason) = bye {
        tracing::debug!(code, %reason, "A socket is closed");
        // A frame of control has room for so much.
        let reason = reason[..reason.floor_char_boundary(REASON_BYTES)].into();
        let frame = CloseFrame { code, reason };
        if socket.send(Message::Close(Some(frame))).await.is_err() {
            return;
        }
    }
    while let Some(Ok(_)) = socket.recv().await {}
}

/// Waits until the socket must end, whatever is said on it.
async fn over(host: &Host, mut guest: watch::Receiver<Option<Arc<Guest>>>) -> Bye {
    let (doors, live) = (&host.doors, host.doors.live());
    let patience = Duration::from_millis(doors.limits().init_timeout_ms);
    tokio::select! {
        // The sender lives as long as the talk, which ends together with this.
        _ = guest.wait_for(Option::is_some) => {}
        () = live.stopped() => return stopping(),
        () = sleep(patience) => {
            return Bye::close(4408, "Connection initialisation timeout");
        }
    }
    loop {
        let Some(present) = guest.borrow_and_update().clone() else {
            return Bye::Gone;
        };
        tokio::select! {
            ending = doors.over(&present.entry, &present.asker.admission) => {
                return match ending {
                    Ending::Unwelcome => Bye::close(4403, "Forbidden"),
                    Ending::Stopping => stopping(),
                };
            }
            // A renewal: the new token counts from now on.
            changed = guest.changed() => {
                if changed.is_err() {
                    return Bye::Gone;
                }
            }
        }
    }
}

const fn stopping() -> Bye {
    Bye::close(1012, "Service restart")
}
