//! GraphQL over HTTP.
//!
//! The endpoint knows no schema. The app hands in two functions: `identify` finds out who is
//! asking, and `run` executes a request that has passed the guard. In between:
//! method (405) → media type (406) → other sites (403) → viewer (401) → body (408, 413, 415) →
//! parameters (400) → guard → mutation by GET (405) → execution.

pub mod body;
pub mod cross_site;
pub mod events;
pub mod execute;
pub mod framing;
pub mod negotiate;
pub mod params;
pub mod request;
pub mod respond;
pub mod socket;

use std::{sync::Arc, time::Duration};

use async_graphql::{Request, Response, parser::types::OperationType};
use axum::{
    body::Body,
    http::{Method, request::Parts},
    response::Response as HttpResponse,
};
use futures::future::{BoxFuture, join_all};
use futures::stream::BoxStream;
use tokio::time::Instant;

use self::{
    execute::{Asked, Prepared},
    framing::Framing,
    negotiate::{MediaType, has_json_body, negotiate},
    params::Params,
    request::{Incoming, from_body, from_query_string},
    respond::{Refusal, batch, single},
};
use super::{live::Ending, middleware::RequestId, origins::AllowedOrigins};
use crate::domain::caching::CachingService;
use crate::domain::caching::model::{KeptAnswer, Key};
use crate::foundation::Error;
use crate::graphql::{
    guard::{Checked, DocumentCache},
    label::{Labelling, codes, label},
};

/// What the endpoint holds requests to.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The longest body in bytes.
    pub body_bytes: usize,
    /// How long a body may take to arrive.
    pub body_time: Duration,
    /// How long an execution may take; a batch as a whole.
    pub execution_time: Duration,
    /// The CORS list, which also says who may send a GET from another site.
    pub origins: AllowedOrigins,
    /// Whether messages may say "Did you mean …?". Off where introspection is off.
    pub suggestions: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            body_bytes: 1024 * 1024,
            body_time: Duration::from_secs(10),
            execution_time: Duration::from_secs(30),
            origins: AllowedOrigins::default(),
            suggestions: true,
        }
    }
}

/// What `run` is told beside the request itself.
#[derive(Debug, Clone)]
pub struct Call<V> {
    /// Who is asking, as `identify` found.
    pub viewer: V,
    /// The id of the HTTP request.
    pub request_id: RequestId,
    /// The document and what is known of it.
    pub checked: Arc<Checked>,
    /// The kind of the operation that will run.
    pub kind: OperationType,
    /// How many requests came in the same body.
    pub batch: usize,
    /// When the answer must be there.
    pub deadline: Instant,
}

/// Finds out who is asking, from the headers alone. No token is a guest; a bad one is
/// [`Refusal::unauthenticated`].
pub type Identify<V> = Arc<dyn Fn(&Parts) -> BoxFuture<'static, Result<V, Refusal>> + Send + Sync>;

/// Executes a request that passed the guard.
pub type Run<V> = Arc<dyn Fn(Request, Call<V>) -> BoxFuture<'static, Response> + Send + Sync>;

/// Gives the kept answer to a request that passed the guard, or keeps what executing it makes.
pub type Keep<V> = Arc<dyn Fn(&Asked, &Call<V>) -> Option<Kept> + Send + Sync>;

/// Executes a subscription that passed the guard.
pub type Subscribe<V> = Arc<dyn Fn(Request, Call<V>) -> BoxStream<'static, Response> + Send + Sync>;

/// Lets a viewer stay connected, and tells when that is over; a refusal where they may not.
pub type Stay<V> =
    Arc<dyn Fn(V) -> BoxFuture<'static, Result<BoxFuture<'static, Ending>, Refusal>> + Send + Sync>;

/// What streams of events need.
pub struct Push<V> {
    /// Executes a subscription.
    pub subscribe: Subscribe<V>,
    /// Lets somebody stay.
    pub stay: Stay<V>,
    /// How often a silent stream says that it is still there.
    pub heartbeat: Duration,
    /// How long a client may take nothing.
    pub patience: Duration,
}

/// Where the answer to one request is kept: in `service`, under `key`.
#[derive(Clone)]
pub struct Kept {
    /// The cache of the schema.
    pub service: CachingService,
    /// What the answer depends upon.
    pub key: Key,
}

/// A GraphQL endpoint for one schema. Cloning it is cheap.
#[derive(Clone)]
pub struct Endpoint<V> {
    settings: Arc<Settings>,
    documents: DocumentCache,
    identify: Identify<V>,
    run: Run<V>,
    keep: Keep<V>,
    push: Option<Arc<Push<V>>>,
}

impl<V: Clone + Send + Sync + 'static> Endpoint<V> {
    /// An endpoint. `documents` may be shared by the endpoints of several schemas.
    #[must_use]
    pub fn new(
        settings: Settings,
        documents: DocumentCache,
        identify: Identify<V>,
        run: Run<V>,
    ) -> Self {
        Self {
            settings: Arc::new(settings),
            documents,
            identify,
            run,
            keep: Arc::new(|_, _| None),
            push: None,
        }
    }

    /// The same endpoint, which gives kept answers where `keep` names a place for them.
    #[must_use]
    pub fn keeping(self, keep: Keep<V>) -> Self {
        Self { keep, ..self }
    }

    /// The same endpoint, which also answers subscriptions, by streams of events.
    #[must_use]
    pub fn pushing(self, push: Push<V>) -> Self {
        let push = Some(Arc::new(push));
        Self { push, ..self }
    }

    /// Answers one HTTP request. Route every method here, so that the wrong ones get their
    /// `Allow`; take WebSocket upgrades out before.
    pub async fn handle(self, request: axum::extract::Request) -> HttpResponse {
        let (parts, body) = request.into_parts();
        let request_id = parts.extensions.get::<RequestId>().cloned();
        let request_id = request_id.unwrap_or_else(RequestId::new);
        // A refusal needs a media type too, also the one that says there is none.
        let media = negotiate(&parts.headers);
        self.answer(parts, body, media, &request_id)
            .await
            .unwrap_or_else(|refusal| {
                refusal.respond(media.unwrap_or(MediaType::Json), request_id.as_str())
            })
    }

    async fn answer(
        &self,
        parts: Parts,
        body: Body,
        media: Option<MediaType>,
        request_id: &RequestId,
    ) -> Result<HttpResponse, Refusal> {
        let by_get = parts.method == Method::GET;
        if !by_get && parts.method != Method::POST {
            return Err(Refusal::method());
        }
        let framing = self
            .push
            .is_some()
            .then(|| Framing::asked(&parts.headers))
            .flatten();
        if media.is_none() && framing.is_none() {
            return Err(Refusal::not_acceptable());
        }
        if by_get && !cross_site::may_get(&parts.headers, &self.settings.origins) {
            return Err(Refusal::cross_site());
        }
        let viewer = (self.identify)(&parts).await?;
        let (incoming, bytes) = if by_get {
            let raw = parts.uri.query().unwrap_or_default();
            let params = from_query_string(raw)?;
            (Incoming::Single(Box::new(params)), raw.len())
        } else {
            self.read_post(&parts, body).await?
        };
        let many = Many {
            viewer,
            request_id: request_id.clone(),
            bytes,
            by_get,
            deadline: Instant::now() + self.settings.execution_time,
        };
        match incoming {
            Incoming::Single(params) => {
                let prepared = self.prepare(*params, &many, 1)?;
                // Who takes both gets a stream where there is something to wait for.
                if let Some(framing) = framing
                    && (media.is_none() || prepared.is_subscription())
                {
                    return self
                        .stream(framing, prepared, many.viewer, request_id)
                        .await;
                }
                let media = media.ok_or_else(Refusal::not_acceptable)?;
                match prepared
                    .ready()
                    .and_then(|(asked, call)| (self.keep)(asked, call))
                {
                    Some(place) => Ok(self.kept(place, prepared, request_id, media).await),
                    None => Ok(single(self.finish(prepared, request_id).await, media)),
                }
            }
            Incoming::Batch(all) => {
                let media = media.ok_or_else(Refusal::not_acceptable)?;
                let responses = self.run_batch(all, &many, request_id).await?;
                Ok(batch(responses, media))
            }
        }
    }

    async fn read_post(&self, parts: &Parts, body: Body) -> Result<(Incoming, usize), Refusal> {
        if !has_json_body(&parts.headers) {
            return Err(Refusal::unsupported_media_type(
                "send a JSON body with content-type: application/json",
            ));
        }
        let Settings {
            body_bytes,
            body_time,
            ..
        } = *self.settings;
        let bytes = body::read(&parts.headers, body, body_bytes, body_time).await?;
        Ok((from_body(&bytes)?, bytes.len()))
    }

    /// Runs a batch: queries beside each other, or one by one in their order as soon as there
    /// is a mutation among them.
    async fn run_batch(
        &self,
        all: Vec<Params>,
        many: &Many<V>,
        request_id: &RequestId,
    ) -> Result<Vec<Response>, Refusal> {
        let size = all.len();
        let prepared = all
            .into_iter()
            .map(|params| self.prepare(params, many, size))
            .collect::<Result<Vec<_>, _>>()?;
        let secrets: u32 = prepared.iter().map(Prepared::auth_mutations).sum();
        if secrets > 1 {
            return Err(Refusal::new(
                axum::http::StatusCode::BAD_REQUEST,
                codes::OPERATION_TOO_COMPLEX,
                "a batch may hold one mutation that signs in, registers or changes a password",
            ));
        }
        if !prepared.iter().any(Prepared::is_mutation) {
            let running = prepared.into_iter().map(|one| self.finish(one, request_id));
            return Ok(join_all(running).await);
        }
        let mut responses = Vec::with_capacity(size);
        for one in prepared {
            responses.push(self.finish(one, request_id).await);
        }
        Ok(responses)
    }

    /// Answers from what is kept, or executes and keeps a good answer. Who waited in vain for an
    /// execution of somebody else's executes too.
    async fn kept(
        &self,
        place: Kept,
        prepared: Prepared<V>,
        request_id: &RequestId,
        media: MediaType,
    ) -> HttpResponse {
        let mut waiting = Some(prepared);
        let mut other = None;
        let execute = async {
            let Some(prepared) = waiting.take() else {
                return Err(not_kept());
            };
            let response = self.finish(prepared, request_id).await;
            match respond::keepable_body(&response) {
                Some(body) => Ok(KeptAnswer { body }),
                None => {
                    other = Some(response);
                    Err(not_kept())
                }
            }
        };
        let answer = place.service.answer(&place.key, execute).await;
        match (answer, other, waiting) {
            (Ok(answer), ..) => respond::written(answer.body.clone(), media),
            (Err(_), Some(response), _) => single(response, media),
            (Err(_), None, Some(prepared)) => {
                single(self.finish(prepared, request_id).await, media)
            }
            (Err(error), None, None) => {
                tracing::error!(?error, "An answer was lost on its way to the cache");
                Refusal::internal().respond(media, request_id.as_str())
            }
        }
    }

    /// Executes and labels.
    async fn finish(&self, prepared: Prepared<V>, request_id: &RequestId) -> Response {
        let checked = prepared.checked();
        let mut response = prepared.execute(&self.run).await;
        label(
            &mut response,
            Labelling {
                request_id: request_id.as_str(),
                suggestions: self.settings.suggestions,
                checked: checked.as_deref(),
            },
        );
        response
    }
}

/// Tells the cache that there is nothing to keep; nobody reads it.
fn not_kept() -> Error {
    Error::Unavailable(String::new())
}

/// What the requests of one HTTP request have in common.
struct Many<V> {
    viewer: V,
    request_id: RequestId,
    bytes: usize,
    by_get: bool,
    deadline: Instant,
}
