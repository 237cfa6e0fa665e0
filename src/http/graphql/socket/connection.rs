//! One client on a socket: its messages and its running operations.

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

use super::message::{ClientMessage, Id, ServerMessage, TokenPayload, token};
use super::{ANSWER_BYTES, AuthenticatedClient, Close, SocketContext};
use crate::graphql::errors::codes;
use crate::http::connections::ConnectionKind;
use crate::http::graphql::HttpRequestContext;
use crate::http::graphql::events::OperationEvent;
use crate::http::graphql::execute::failed;
use crate::http::graphql::limits::Wanted;
use crate::http::graphql::params::Params;
use crate::http::graphql::respond::{Refusal, ResponseBody};
use crate::http::identity::RequestIdentity;
use crate::http::middleware::RequestId;

/// The number of consecutive pings that may go unanswered.
const UNANSWERED: u32 = 2;

/// A running operation: its events, then `None`.
type Running = Abortable<BoxStream<'static, (Id, Option<OperationEvent>)>>;

/// A `graphql-transport-ws` connection: one client and its operations.
pub(super) struct Connection<'a> {
    socket: &'a mut WebSocket,
    context: &'a SocketContext,
    /// The client, once it has authenticated.
    authenticated: watch::Sender<Option<Arc<AuthenticatedClient>>>,
    /// Whether `connection_init` was received.
    initialised: bool,
    operations: HashMap<Id, AbortHandle>,
    running: SelectAll<Running>,
    /// The number of pings sent since a message was received.
    unanswered: u32,
}

impl<'a> Connection<'a> {
    pub(super) fn new(
        socket: &'a mut WebSocket,
        context: &'a SocketContext,
        authenticated: watch::Sender<Option<Arc<AuthenticatedClient>>>,
    ) -> Self {
        Self {
            socket,
            context,
            authenticated,
            initialised: false,
            operations: HashMap::new(),
            running: SelectAll::new(),
            unanswered: 0,
        }
    }

    /// Runs until the client or the server closes the socket.
    pub(super) async fn run(&mut self) -> Close {
        let Err(close) = self.run_loop().await;
        close
    }

    async fn run_loop(&mut self) -> Result<Infallible, Close> {
        let limits = self.context.registry.limits();
        let ping = Duration::from_millis(limits.ping_ms);
        let idle = Duration::from_millis(limits.idle_timeout_ms);
        let mut ping_timer = interval_at(Instant::now() + ping, ping);
        ping_timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut idle_timer = Box::pin(sleep(idle));
        loop {
            tokio::select! {
                message = self.socket.recv() => {
                    self.unanswered = 0;
                    match message {
                        Some(Ok(message)) => self.receive(message).await?,
                        // Too long by far, or not WebSocket; where the client is gone nobody hears it.
                        Some(Err(_)) => return Err(Close::with_code(1009, "Message too big")),
                        None => return Err(Close::Disconnected),
                    }
                }
                Some((id, event)) = self.running.next(), if !self.running.is_empty() => {
                    self.deliver(&id, event).await?;
                }
                _ = ping_timer.tick() => {
                    if self.unanswered >= UNANSWERED {
                        return Err(Close::with_code(1001, "No answer to pings"));
                    }
                    self.unanswered += 1;
                    // As a message and as a frame: every client answers one of them.
                    self.send_message(&ServerMessage::Ping).await?;
                    self.send(Message::Ping(bytes::Bytes::new())).await?;
                }
                () = &mut idle_timer, if self.operations.is_empty() => {
                    return Err(Close::with_code(1000, "Idle"));
                }
            }
            if !self.operations.is_empty() {
                idle_timer.as_mut().reset(Instant::now() + idle);
            }
        }
    }

    async fn receive(&mut self, message: Message) -> Result<(), Close> {
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => return Err(Close::with_code(4400, "Messages are text")),
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Err(Close::Disconnected),
        };
        let most = self.context.registry.limits().max_message_bytes;
        if text.len() > most {
            return Err(Close::Frame(
                1009,
                format!("A message has at most {most} bytes").into(),
            ));
        }
        let incoming = serde_json::from_str(&text)
            .map_err(|_| Close::with_code(4400, "Invalid message received"))?;
        match incoming {
            ClientMessage::ConnectionInit { payload } => {
                if std::mem::replace(&mut self.initialised, true) {
                    return Err(Close::with_code(
                        4429,
                        "Too http_request initialisation requests",
                    ));
                }
                self.initialise(payload).await
            }
            ClientMessage::Ping { payload } => match token(payload.as_ref()) {
                TokenPayload::Absent => self.send_message(&ServerMessage::Pong { payload }).await,
                TokenPayload::Invalid => Err(forbidden()),
                TokenPayload::Token(token) => self.renew(token).await,
            },
            ClientMessage::Pong { .. } => Ok(()),
            ClientMessage::Subscribe { id, payload } => {
                self.subscribe(id, *payload, text.len()).await
            }
            ClientMessage::Complete { id } => {
                // It may have completed while the message was on its way.
                if let Some(operation) = self.operations.remove(&id) {
                    operation.abort();
                }
                Ok(())
            }
        }
    }

    /// Authenticates the client and acknowledges `connection_init`.
    async fn initialise(&mut self, payload: Option<Map<String, Value>>) -> Result<(), Close> {
        let token = match token(payload.as_ref()) {
            TokenPayload::Token(token) => Some(token),
            TokenPayload::Invalid => return Err(forbidden()),
            TokenPayload::Absent => self.context.token.clone().map_err(|_| forbidden())?,
        };
        let identity = authenticate(self.context, token.as_deref()).await?;
        let subject = identity.admission.viewer.subject();
        let registration = self
            .context
            .registry
            .register(subject, self.context.client, ConnectionKind::Socket)
            .map_err(|refusal| Close::Frame(4429, refusal.message.into()))?;
        // Again: the end of a session is announced to registered connections only.
        let identity = authenticate(self.context, token.as_deref()).await?;
        self.authenticated
            .send_replace(Some(Arc::new(AuthenticatedClient {
                identity,
                registration: Arc::new(registration),
            })));
        self.send_message(&ServerMessage::ConnectionAck).await
    }

    /// Continues with a new token of the same user or key with the same rights.
    async fn renew(&mut self, token: String) -> Result<(), Close> {
        let present = self
            .authenticated
            .borrow()
            .clone()
            .ok_or_else(unauthorized)?;
        let identity = authenticate(self.context, Some(&token)).await?;
        let admission = &identity.admission;
        if !admission
            .viewer
            .has_same_rights_as(&present.identity.admission.viewer)
        {
            return Err(forbidden());
        }
        let Value::Object(payload) = json!({ "expiresAt": admission.expires_at }) else {
            return Ok(());
        };
        self.authenticated
            .send_replace(Some(Arc::new(AuthenticatedClient {
                identity,
                registration: Arc::clone(&present.registration),
            })));
        // Again: the end of the new session was not watched for before.
        authenticate(self.context, Some(&token)).await?;
        let payload = Some(payload);
        self.send_message(&ServerMessage::Pong { payload }).await
    }

    /// Starts an operation.
    async fn subscribe(&mut self, id: Id, params: Params, bytes: usize) -> Result<(), Close> {
        let authenticated = self
            .authenticated
            .borrow()
            .clone()
            .ok_or_else(unauthorized)?;
        if self.operations.contains_key(&id) {
            let reason = format!("Subscriber for {} already exists", id.0);
            return Err(Close::Frame(4409, reason.into()));
        }
        let most = self.context.registry.limits().max_operations;
        if self.operations.len() >= most {
            let message = format!("a socket runs at most {most} operations at once; end one first");
            return self.send_error(&id, codes::RATE_LIMITED, &message).await;
        }
        let endpoint = &self.context.endpoint;
        let request_id = RequestId::new();
        let http_request = HttpRequestContext {
            viewer: authenticated.identity.clone(),
            request_id: request_id.clone(),
            bytes,
            by_get: false,
            deadline: Instant::now() + endpoint.settings.execution_time,
        };
        let prepared = endpoint
            .prepare(params, &http_request, 1)
            .await
            .map_err(|Refusal { message, .. }| Close::Frame(4400, message.into()))?;
        let viewer = &authenticated.identity;
        if let Err(refusal) = endpoint.charge(viewer, Wanted::of(&prepared)).await {
            let (code, message) = (refusal.code, refusal.message);
            return self.send_error(&id, code, &message).await;
        }
        let name = id.clone();
        let events = endpoint
            .events(prepared, &request_id)
            .map(Some)
            .chain(once(async { None }))
            .map(move |event| (name.clone(), event))
            .boxed();
        let (running, operation) = abortable(events);
        self.running.push(running);
        self.operations.insert(id, operation);
        Ok(())
    }

    /// Sends an event of an operation to the client.
    async fn deliver(&mut self, id: &Id, event: Option<OperationEvent>) -> Result<(), Close> {
        if !self.operations.contains_key(id) {
            return Ok(());
        }
        match event {
            Some(OperationEvent::Next(response)) => {
                let payload = ResponseBody::from(&response);
                let next = ServerMessage::Next { id: &id.0, payload };
                let text = write(&next)?;
                if text.len() <= ANSWER_BYTES {
                    return self.send(Message::Text(text.into())).await;
                }
                self.finish_operation(id);
                let message = "the answer is too long for a socket; ask for less, or over HTTP";
                self.send_error(id, codes::OPERATION_TOO_COMPLEX, message)
                    .await
            }
            Some(OperationEvent::Refused(response)) => {
                self.finish_operation(id);
                let payload = &response.errors;
                self.send_message(&ServerMessage::Error { id: &id.0, payload })
                    .await
            }
            None => {
                self.finish_operation(id);
                self.send_message(&ServerMessage::Complete { id: &id.0 })
                    .await
            }
        }
    }

    fn finish_operation(&mut self, id: &Id) {
        if let Some(operation) = self.operations.remove(id) {
            operation.abort();
        }
    }

    async fn send_error(&mut self, id: &Id, code: &str, message: &str) -> Result<(), Close> {
        let failed = failed(code, message);
        let endpoint = &self.context.endpoint;
        let failed = endpoint.with_formatted_errors(failed, &RequestId::new());
        let payload = &failed.errors;
        self.send_message(&ServerMessage::Error { id: &id.0, payload })
            .await
    }

    async fn send_message(&mut self, outgoing: &ServerMessage<'_>) -> Result<(), Close> {
        self.send(Message::Text(write(outgoing)?.into())).await
    }

    /// Sends a message as fast as the client reads. A client that reads nothing for as long as pings may
    /// go unanswered is treated as disconnected.
    async fn send(&mut self, message: Message) -> Result<(), Close> {
        let send_timeout = self.context.registry.limits().send_timeout();
        match timeout(send_timeout, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Close::Disconnected),
        }
    }
}

/// Authenticates `token`; an invalid one closes the socket.
async fn authenticate(
    context: &SocketContext,
    token: Option<&str>,
) -> Result<RequestIdentity, Close> {
    let identity = RequestIdentity::of(context.registry.auth(), token, context.client).await;
    let identity = identity.map(|identity| identity.calling(context.public_url.clone()));
    identity.map_err(|refusal| match refusal.status {
        StatusCode::UNAUTHORIZED => forbidden(),
        StatusCode::SERVICE_UNAVAILABLE => Close::with_code(1013, "Try again later"),
        _ => Close::with_code(1011, "Internal error"),
    })
}

fn write(outgoing: &ServerMessage<'_>) -> Result<String, Close> {
    serde_json::to_string(outgoing).map_err(|error| {
        tracing::error!(%error, "A message could not be written as JSON");
        Close::with_code(1011, "Internal error")
    })
}

const fn forbidden() -> Close {
    Close::with_code(4403, "Forbidden")
}

const fn unauthorized() -> Close {
    Close::with_code(4401, "Unauthorized")
}
