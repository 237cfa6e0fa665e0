//! Events over a plain HTTP answer: server-sent events in distinct connections mode, and the
//! multipart protocol for subscriptions that Apollo's clients speak.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{self, ACCEPT};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response as HttpResponse;
use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, poll_fn};
use serde::Serialize;
use tokio::sync::mpsc::{Sender, channel};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tracing::Instrument;

use super::Endpoint;
use super::events::OperationEvent;
use super::execute::{Prepared, failed};
use super::negotiate::list;
use super::respond::{Refusal, ResponseBody};
use crate::graphql::errors::codes;
use crate::http::connections::EndReason;
use crate::http::middleware::RequestId;

/// The framing of events in a response body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// `text/event-stream`.
    EventStream,
    /// `multipart/mixed; subscriptionSpec="1.0"`.
    Multipart,
}

impl Framing {
    /// The first framing in `Accept` that the server supports.
    #[must_use]
    pub fn negotiate(headers: &HeaderMap) -> Option<Self> {
        list(headers, &ACCEPT).find_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next()?;
            if kind.eq_ignore_ascii_case("text/event-stream") {
                return Some(Self::EventStream);
            }
            let subscribes = parts.any(|parameter| {
                parameter.split_once('=').is_some_and(|(name, value)| {
                    name.trim().eq_ignore_ascii_case("subscriptionSpec")
                        && value.trim().trim_matches('"') == "1.0"
                })
            });
            (kind.eq_ignore_ascii_case("multipart/mixed") && subscribes).then_some(Self::Multipart)
        })
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::EventStream => "text/event-stream; charset=utf-8",
            Self::Multipart => "multipart/mixed; boundary=\"graphql\"; subscriptionSpec=\"1.0\"",
        })
    }

    /// The first bytes, so that the client sees at once that the stream is open.
    fn opening(self) -> Bytes {
        Bytes::from_static(match self {
            Self::EventStream => b":\n\n",
            Self::Multipart => b"\r\n--graphql",
        })
    }

    fn heartbeat(self) -> Bytes {
        match self {
            Self::EventStream => Bytes::from_static(b":\n\n"),
            Self::Multipart => part(b"{}"),
        }
    }

    fn next(self, event: &OperationEvent) -> Bytes {
        let written = ResponseBody::from(event.response());
        match self {
            Self::EventStream => {
                let json = json(&written);
                Bytes::from([&b"event: next\ndata: "[..], &json, b"\n\n"].concat())
            }
            Self::Multipart => part(&json(&Payload { payload: written })),
        }
    }

    fn complete(self) -> Bytes {
        Bytes::from_static(match self {
            // Without the empty data a browser would not tell of the event.
            Self::EventStream => b"event: complete\ndata:\n\n",
            Self::Multipart => b"--\r\n",
        })
    }

    /// The last bytes when the connection must end before the operation does.
    ///
    /// An event stream just stops: clients know by the missing `complete` that they should reconnect with a
    /// new token. A multipart response has no such sign, so it contains an error.
    fn broken(self, reason: EndReason) -> Bytes {
        let (code, message) = match reason {
            EndReason::Unauthorised => (
                codes::UNAUTHENTICATED,
                "the token has expired or the session has ended; connect again with a fresh token",
            ),
            EndReason::ShuttingDown => {
                (codes::UNAVAILABLE, "the server is stopping; connect again")
            }
        };
        match self {
            Self::EventStream => Bytes::new(),
            Self::Multipart => {
                let failed = failed(code, message);
                let broken = Broken {
                    payload: None,
                    errors: &failed.errors,
                };
                Bytes::from([&part(&json(&broken))[..], b"--\r\n"].concat())
            }
        }
    }
}

#[derive(Serialize)]
struct Payload<'a> {
    payload: ResponseBody<'a>,
}

#[derive(Serialize)]
struct Broken<'a> {
    payload: Option<()>,
    errors: &'a [async_graphql::ServerError],
}

/// One part, and the boundary behind it: clients read a part when they see where it ends.
fn part(json: &[u8]) -> Bytes {
    Bytes::from(
        [
            &b"\r\ncontent-type: application/json\r\n\r\n"[..],
            json,
            b"\r\n--graphql",
        ]
        .concat(),
    )
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_else(|error| {
        tracing::error!(%error, "An event could not be written as JSON");
        b"{}".to_vec()
    })
}

impl<V: Clone + Send + Sync + 'static> Endpoint<V> {
    /// Responds with a stream of events, with backpressure: no event is produced before the client is ready
    /// to read it.
    pub(super) async fn stream(
        &self,
        framing: Framing,
        prepared: Prepared<V>,
        viewer: V,
        request_id: &RequestId,
    ) -> Result<HttpResponse, Refusal> {
        let subscriptions = self
            .subscriptions
            .as_ref()
            .ok_or_else(Refusal::not_acceptable)?;
        let until_end = (subscriptions.register)(viewer).await?;
        let events = self.events(prepared, request_id);
        // No more than one piece waits: what is made is as new as can be.
        let (sender, mut pieces) = channel(1);
        let times = (subscriptions.heartbeat, subscriptions.send_timeout);
        tokio::spawn(send(framing, events, until_end, times, sender).in_current_span());
        let pieces = poll_fn(move |context| pieces.poll_recv(context));
        let body = Body::from_stream(pieces.map(Ok::<_, std::convert::Infallible>));
        let mut answer = HttpResponse::new(body);
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, framing.content_type());
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(
            header::VARY,
            HeaderValue::from_static("accept, authorization"),
        );
        // Proxies that collect answers would keep the events.
        headers.insert(
            HeaderName::from_static("x-accel-buffering"),
            HeaderValue::from_static("no"),
        );
        Ok(answer)
    }
}

/// Sends the pieces of the body until the operation ends, or must end, or the client is gone or
/// takes nothing for too long. A body is asked for more only while its client takes what there is,
/// so that none of this could be noticed there.
async fn send(
    framing: Framing,
    mut events: BoxStream<'static, OperationEvent>,
    mut until_end: BoxFuture<'static, EndReason>,
    (heartbeat, send_timeout): (Duration, Duration),
    body: Sender<Bytes>,
) {
    let mut heartbeats = interval_at(Instant::now() + heartbeat, heartbeat);
    heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut chunk = Some(framing.opening());
    let mut last = false;
    let reason = loop {
        let sent = async {
            match chunk.take() {
                Some(chunk) => matches!(timeout(send_timeout, body.send(chunk)).await, Ok(Ok(()))),
                None => true,
            }
        };
        tokio::select! {
            biased;
            reason = &mut until_end => break reason,
            sent = sent => if !sent || last {
                return;
            },
        }
        chunk = tokio::select! {
            biased;
            reason = &mut until_end => break reason,
            () = body.closed() => return,
            event = events.next() => Some(match event {
                Some(event) => framing.next(&event),
                None => {
                    last = true;
                    framing.complete()
                }
            }),
            _ = heartbeats.tick() => Some(framing.heartbeat()),
        };
    };
    // Its place is free by now. Who does not listen does not hear this.
    let _ = timeout(send_timeout, body.send(framing.broken(reason))).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_framing_is_asked_for_by_name() {
        for (accept, expected) in [
            ("", None),
            ("*/*", None),
            ("application/json", None),
            ("text/event-stream", Some(Framing::EventStream)),
            (
                "application/json, Text/Event-Stream; charset=utf-8",
                Some(Framing::EventStream),
            ),
            ("multipart/mixed", None),
            ("multipart/mixed; deferSpec=20220824", None),
            (
                "multipart/mixed;boundary=\"graphql\";subscriptionSpec=\"1.0\",application/json",
                Some(Framing::Multipart),
            ),
            (
                "multipart/mixed; subscriptionSpec=1.0, text/event-stream",
                Some(Framing::Multipart),
            ),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(Framing::negotiate(&headers), expected, "{accept}");
        }
    }
}
