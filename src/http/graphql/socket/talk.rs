//! What is said on a socket.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use axum::http::StatusCode;
use futures::StreamExt;
use futures::stream::{AbortHandle, Abortable, BoxStream, SelectAll, abortable, once};
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};

use super::message::{Id, Incoming, Outgoing, Said, token};
use super::{ANSWER_BYTES, Bye, Guest, Host};
use crate::graphql::label::codes;
use crate::http::asker::Asker;
use crate::http::graphql::Many;
use crate::http::graphql::events::Event;
use crate::http::graphql::execute::failed;
use crate::http::graphql::params::Params;
use crate::http::graphql::respond::{Refusal, Written};
use crate::http::live::Kind;
use crate::http::middleware::RequestId;

/// So many pings in a row may go unanswered.
const UNANSWERED: u32 = 2;

/// An operation: its events, then `None`.
type Running = Abortable<BoxStream<'static, (Id, Option<Event>)>>;

/// One client and its operations.
pub(super) struct Talk<'a> {
    socket: &'a mut WebSocket,
    host: &'a Host,
    /// Who is there, once they have said so.
    guest: watch::Sender<Option<Arc<Guest>>>,
    /// Whether `connection_init` has come.
    greeted: bool,
    operations: HashMap<Id, AbortHandle>,
    running: SelectAll<Running>,
    /// How many pings have gone out since anything came in.
    unanswered: u32,
}

impl<'a> Talk<'a> {
    pub(super) fn new(
        socket: &'a mut WebSocket,
        host: &'a Host,
        guest: watch::Sender<Option<Arc<Guest>>>,
    ) -> Self {
        Self {
            socket,
            host,
            guest,
            greeted: false,
            operations: HashMap::new(),
            running: SelectAll::new(),
            unanswered: 0,
        }
    }

    /// Talks until one of the two has enough.
    pub(super) async fn run(&mut self) -> Bye {
        let Err(bye) = self.turns().await;
        bye
    }

    async fn turns(&mut self) -> Result<Infallible, Bye> {
        let limits = self.host.doors.limits();
        let ping = Duration::from_millis(limits.ping_ms);
        let idle = Duration::from_millis(limits.idle_timeout_ms);
        let mut beat = interval_at(Instant::now() + ping, ping);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut bored = Box::pin(sleep(idle));
        loop {
            tokio::select! {
                message = self.socket.recv() => {
                    self.unanswered = 0;
                    match message {
                        Some(Ok(message)) => self.hear(message).await?,
                        // Too long by far, or not WebSocket; where the client is gone nobody hears it.
                        Some(Err(_)) => return Err(Bye::close(1009, "Message too big")),
                        None => return Err(Bye::Gone),
                    }
                }
                Some((id, brought)) = self.running.next(), if !self.running.is_empty() => {
                    self.bring(&id, brought).await?;
                }
                _ = beat.tick() => {
                    if self.unanswered >= UNANSWERED {
                        return Err(Bye::close(1001, "No answer to pings"));
                    }
                    self.unanswered += 1;
                    // As a message and as a frame: every program answers one of them.
                    self.say(&Outgoing::Ping).await?;
                    self.send(Message::Ping(bytes::Bytes::new())).await?;
                }
                () = &mut bored, if self.operations.is_empty() => {
                    return Err(Bye::close(1000, "Idle"));
                }
            }
            if !self.operations.is_empty() {
                bored.as_mut().reset(Instant::now() + idle);
            }
        }
    }

    async fn hear(&mut self, message: Message) -> Result<(), Bye> {
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => return Err(Bye::close(4400, "Messages are text")),
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Err(Bye::Gone),
        };
        let most = self.host.doors.limits().max_message_bytes;
        if text.len() > most {
            return Err(Bye::Close(
                1009,
                format!("A message has at most {most} bytes").into(),
            ));
        }
        let incoming = serde_json::from_str(&text)
            .map_err(|_| Bye::close(4400, "Invalid message received"))?;
        match incoming {
            Incoming::ConnectionInit { payload } => {
                if std::mem::replace(&mut self.greeted, true) {
                    return Err(Bye::close(4429, "Too many initialisation requests"));
                }
                self.admit(payload).await
            }
            Incoming::Ping { payload } => match token(payload.as_ref()) {
                Said::Nothing => self.say(&Outgoing::Pong { payload }).await,
                Said::Nonsense => Err(forbidden()),
                Said::Token(token) => self.renew(token).await,
            },
            Incoming::Pong { .. } => Ok(()),
            Incoming::Subscribe { id, payload } => self.begin(id, *payload, text.len()).await,
            Incoming::Complete { id } => {
                // One that is over already has crossed its own end.
                if let Some(operation) = self.operations.remove(&id) {
                    operation.abort();
                }
                Ok(())
            }
        }
    }

    /// Finds out who is there.
    async fn admit(&mut self, payload: Option<Map<String, Value>>) -> Result<(), Bye> {
        let token = match token(payload.as_ref()) {
            Said::Token(token) => Some(token),
            Said::Nonsense => return Err(forbidden()),
            Said::Nothing => self.host.token.clone().map_err(|_| forbidden())?,
        };
        let asker = holder(self.host, token.as_deref()).await?;
        let subject = asker.admission.viewer.subject();
        let entry = self
            .host
            .doors
            .enter(subject, self.host.client, Kind::Socket)
            .map_err(|refusal| Bye::Close(4429, refusal.message.into()))?;
        // Again: an end of the session was not told to those outside.
        let asker = holder(self.host, token.as_deref()).await?;
        self.guest.send_replace(Some(Arc::new(Guest {
            asker,
            entry: Arc::new(entry),
        })));
        self.say(&Outgoing::ConnectionAck).await
    }

    /// Goes on with a fresh token of the same user or key, who has the same rights.
    async fn renew(&mut self, token: String) -> Result<(), Bye> {
        let present = self.guest.borrow().clone().ok_or_else(unauthorized)?;
        let asker = holder(self.host, Some(&token)).await?;
        let admission = &asker.admission;
        if !admission
            .viewer
            .is_as_good_as(&present.asker.admission.viewer)
        {
            return Err(forbidden());
        }
        let Value::Object(payload) = json!({ "expiresAt": admission.expires_at }) else {
            return Ok(());
        };
        self.guest.send_replace(Some(Arc::new(Guest {
            asker,
            entry: Arc::clone(&present.entry),
        })));
        // Again: an end of the new session was not asked about before.
        holder(self.host, Some(&token)).await?;
        let payload = Some(payload);
        self.say(&Outgoing::Pong { payload }).await
    }

    /// Begins an operation.
    async fn begin(&mut self, id: Id, params: Params, bytes: usize) -> Result<(), Bye> {
        let guest = self.guest.borrow().clone().ok_or_else(unauthorized)?;
        if self.operations.contains_key(&id) {
            let reason = format!("Subscriber for {} already exists", id.0);
            return Err(Bye::Close(4409, reason.into()));
        }
        let most = self.host.doors.limits().max_operations;
        if self.operations.len() >= most {
            let message = format!("a socket runs at most {most} operations at once; end one first");
            return self.refuse(&id, codes::RATE_LIMITED, &message).await;
        }
        let endpoint = &self.host.endpoint;
        let request_id = RequestId::new();
        let many = Many {
            viewer: guest.asker.clone(),
            request_id: request_id.clone(),
            bytes,
            by_get: false,
            deadline: Instant::now() + endpoint.settings.execution_time,
        };
        let prepared = endpoint
            .prepare(params, &many, 1)
            .map_err(|Refusal { message, .. }| Bye::Close(4400, message.into()))?;
        let name = id.clone();
        let events = endpoint
            .events(prepared, &request_id)
            .map(Some)
            .chain(once(async { None }))
            .map(move |brought| (name.clone(), brought))
            .boxed();
        let (running, operation) = abortable(events);
        self.running.push(running);
        self.operations.insert(id, operation);
        Ok(())
    }

    /// Hands on what an operation brought.
    async fn bring(&mut self, id: &Id, brought: Option<Event>) -> Result<(), Bye> {
        if !self.operations.contains_key(id) {
            return Ok(());
        }
        match brought {
            Some(Event::Next(response)) => {
                let payload = Written::from(&response);
                let next = Outgoing::Next { id: &id.0, payload };
                let text = write(&next)?;
                if text.len() <= ANSWER_BYTES {
                    return self.send(Message::Text(text.into())).await;
                }
                self.end(id);
                let message = "the answer is too long for a socket; ask for less, or over HTTP";
                self.refuse(id, codes::OPERATION_TOO_COMPLEX, message).await
            }
            Some(Event::Refused(response)) => {
                self.end(id);
                let payload = &response.errors;
                self.say(&Outgoing::Error { id: &id.0, payload }).await
            }
            None => {
                self.end(id);
                self.say(&Outgoing::Complete { id: &id.0 }).await
            }
        }
    }

    fn end(&mut self, id: &Id) {
        if let Some(operation) = self.operations.remove(id) {
            operation.abort();
        }
    }

    async fn refuse(&mut self, id: &Id, code: &str, message: &str) -> Result<(), Bye> {
        let failed = failed(code, message);
        let endpoint = &self.host.endpoint;
        let failed = endpoint.labelled(failed, &RequestId::new(), None);
        let payload = &failed.errors;
        self.say(&Outgoing::Error { id: &id.0, payload }).await
    }

    async fn say(&mut self, outgoing: &Outgoing<'_>) -> Result<(), Bye> {
        self.send(Message::Text(write(outgoing)?.into())).await
    }

    /// Sends, as fast as the client takes it; who takes nothing for as long as pings may go
    /// unanswered is gone.
    async fn send(&mut self, message: Message) -> Result<(), Bye> {
        let patience = self.host.doors.limits().patience();
        match timeout(patience, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Bye::Gone),
        }
    }
}

/// Who holds a token.
async fn holder(host: &Host, token: Option<&str>) -> Result<Asker, Bye> {
    let asker = Asker::of(host.doors.auth(), token, host.client).await;
    asker.map_err(|refusal| match refusal.status {
        StatusCode::UNAUTHORIZED => forbidden(),
        StatusCode::SERVICE_UNAVAILABLE => Bye::close(1013, "Try again later"),
        _ => Bye::close(1011, "Internal error"),
    })
}

fn write(outgoing: &Outgoing<'_>) -> Result<String, Bye> {
    serde_json::to_string(outgoing).map_err(|error| {
        tracing::error!(%error, "A message could not be written as JSON");
        Bye::close(1011, "Internal error")
    })
}

const fn forbidden() -> Bye {
    Bye::close(4403, "Forbidden")
}

const fn unauthorized() -> Bye {
    Bye::close(4401, "Unauthorized")
}
