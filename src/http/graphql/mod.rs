//! GraphQL over HTTP.
//!
//! The endpoint is independent of the GraphQL schema. It is given two functions: `identify` authenticates a
//! request, and `run` executes a request that has passed the guard. In between:
//! method (405) → media type (406) → other sites (403) → viewer (401) → body (408, 413, 415) →
//! parameters (400) → guard → mutation by GET (405) → execution. A token that is not good is 401 whatever
//! comes after it, except for the mutations of [`identified::SESSION_MUTATIONS`].

pub mod body;
mod cached;
pub mod cross_site;
pub mod events;
pub mod execute;
pub mod framing;
pub mod identified;
pub mod limits;
pub mod negotiate;
pub mod params;
pub mod persisted;
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
    execute::Prepared,
    framing::Framing,
    identified::{Identified, begins_session},
    limits::{ChargeRequest, Wanted},
    negotiate::{MediaType, has_json_body, negotiate},
    params::Params,
    persisted::PersistedDocuments,
    request::{RequestBody, from_body, from_query_string},
    respond::{Refusal, batch, single},
};
use super::{
    connections::EndReason, middleware::RequestId, origins::AllowedOrigins,
    public_url::PublicUrlSource,
};
use crate::domain::caching::CachingService;
use crate::domain::caching::model::Key;
use crate::graphql::{
    errors::codes,
    guard::{DocumentCache, ReadyOperation},
};

/// The limits and options of an endpoint.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The largest request body, in bytes.
    pub body_bytes: usize,
    /// The time limit for receiving a body.
    pub body_time: Duration,
    /// The time limit of an execution; of a batch as a whole.
    pub execution_time: Duration,
    /// How long caches on the way may give a public response without asking again.
    pub public_max_age: Duration,
    /// The allowed CORS origins, which may also send cross-site GET requests.
    pub origins: AllowedOrigins,
    /// How clients call this server.
    pub public_url: PublicUrlSource,
    /// Whether messages may contain "Did you mean …?". Off where introspection is off.
    pub suggestions: bool,
    /// The most that a request may cost, a batch as a whole.
    pub max_cost: u64,
    /// Whether answers tell what they cost.
    pub tells_cost: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            body_bytes: 1024 * 1024,
            body_time: Duration::from_secs(10),
            execution_time: Duration::from_secs(30),
            public_max_age: Duration::ZERO,
            origins: AllowedOrigins::default(),
            public_url: PublicUrlSource::default(),
            suggestions: true,
            max_cost: u64::MAX,
            tells_cost: false,
        }
    }
}

/// The context of an execution, beside the request itself.
#[derive(Debug, Clone)]
pub struct ExecutionContext<V> {
    /// The identity that `identify` returned.
    pub viewer: V,
    /// The id of the HTTP request.
    pub request_id: RequestId,
    /// The kind of the operation.
    pub kind: OperationType,
    /// The number of requests in the same body.
    pub batch: usize,
    /// The time limit of the execution.
    pub deadline: Instant,
}

/// Authenticates a request by its headers. Without a token the request is anonymous; an invalid token is
/// [`Identified::Refused`].
pub type Identify<V> =
    Arc<dyn Fn(&Parts) -> BoxFuture<'static, Result<Identified<V>, Refusal>> + Send + Sync>;

/// Executes a request that passed the guard.
pub type Run<V> =
    Arc<dyn Fn(Request, ExecutionContext<V>) -> BoxFuture<'static, Response> + Send + Sync>;

/// The cache slot of the response to a request that passed the guard; `None` if it is not cacheable.
pub type CacheLookup<V> =
    Arc<dyn Fn(&ReadyOperation, &ExecutionContext<V>) -> Option<CacheSlot> + Send + Sync>;

/// Whether a viewer may have documents executed that are not in the manifest of trusted documents.
pub type MayExecuteUntrusted<V> = Arc<dyn Fn(&V) -> bool + Send + Sync>;

/// Executes a subscription that passed the guard.
pub type Subscribe<V> =
    Arc<dyn Fn(Request, ExecutionContext<V>) -> BoxStream<'static, Response> + Send + Sync>;

/// Registers an event stream of a viewer. The inner future completes when the stream must end.
pub type RegisterStream<V> = Arc<
    dyn Fn(V) -> BoxFuture<'static, Result<BoxFuture<'static, EndReason>, Refusal>> + Send + Sync,
>;

/// What event streams need.
pub struct Subscriptions<V> {
    /// Executes a subscription.
    pub subscribe: Subscribe<V>,
    /// Registers a stream.
    pub register: RegisterStream<V>,
    /// The interval of heartbeats on an idle stream.
    pub heartbeat: Duration,
    /// How long a client may read nothing before it is disconnected.
    pub send_timeout: Duration,
}

/// Where the response to a request is cached: by `service` under `key`.
#[derive(Clone)]
pub struct CacheSlot {
    /// The cache of the schema.
    pub service: CachingService,
    /// The cache key.
    pub key: Key,
    /// Whether everybody gets the same response, so that caches between client and server may share it.
    pub public: bool,
}

/// A GraphQL endpoint for one schema. Cloning it is cheap.
#[derive(Clone)]
pub struct Endpoint<V> {
    settings: Arc<Settings>,
    documents: DocumentCache,
    identify: Identify<V>,
    run: Run<V>,
    cache_lookup: CacheLookup<V>,
    persisted: PersistedDocuments,
    may_execute_untrusted: MayExecuteUntrusted<V>,
    subscriptions: Option<Arc<Subscriptions<V>>>,
    charge: Option<ChargeRequest<V>>,
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
            cache_lookup: Arc::new(|_, _| None),
            persisted: PersistedDocuments::default(),
            may_execute_untrusted: Arc::new(|_| false),
            subscriptions: None,
            charge: None,
        }
    }

    /// The same endpoint with a response cache.
    #[must_use]
    pub fn with_cache(self, cache_lookup: CacheLookup<V>) -> Self {
        Self {
            cache_lookup,
            ..self
        }
    }

    /// The same endpoint with documents that clients only name. `may_execute_untrusted` says who may have any document
    /// executed even where trusted documents are required.
    #[must_use]
    pub fn with_persisted(
        self,
        persisted: PersistedDocuments,
        may_execute_untrusted: MayExecuteUntrusted<V>,
    ) -> Self {
        Self {
            persisted,
            may_execute_untrusted,
            ..self
        }
    }

    /// The same endpoint, which also executes subscriptions, by event streams.
    #[must_use]
    pub fn with_subscriptions(self, subscriptions: Subscriptions<V>) -> Self {
        let subscriptions = Some(Arc::new(subscriptions));
        Self {
            subscriptions,
            ..self
        }
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
            .subscriptions
            .is_some()
            .then(|| Framing::negotiate(&parts.headers))
            .flatten();
        if media.is_none() && framing.is_none() {
            return Err(Refusal::not_acceptable());
        }
        if by_get && !cross_site::may_get(&parts.headers, &self.settings.origins) {
            return Err(Refusal::cross_site());
        }
        let identified = (self.identify)(&parts).await?;
        let read = if by_get {
            let raw = parts.uri.query().unwrap_or_default();
            let single = |params| (RequestBody::Single(Box::new(params)), raw.len());
            from_query_string(raw).map(single)
        } else {
            self.read_post(&parts, body).await
        };
        let (incoming, bytes) = identified.admit(read, |_| true)?;
        let http_request = HttpRequestContext {
            viewer: identified.viewer().clone(),
            request_id: request_id.clone(),
            bytes,
            by_get,
            deadline: Instant::now() + self.settings.execution_time,
        };
        match incoming {
            RequestBody::Single(params) => {
                let prepared = self.prepare(*params, &http_request, 1).await;
                let prepared = identified.admit(prepared, begins_session)?;
                // A client that accepts both gets a stream for subscriptions only.
                if let Some(framing) = framing
                    && (media.is_none() || prepared.is_subscription())
                {
                    let wanted = Wanted::of(&prepared);
                    self.charge(&http_request.viewer, wanted).await?;
                    return self
                        .stream(framing, prepared, http_request.viewer, request_id)
                        .await;
                }
                let media = media.ok_or_else(Refusal::not_acceptable)?;
                let slot = prepared
                    .ready()
                    .and_then(|(operation, execution)| (self.cache_lookup)(operation, execution));
                match slot {
                    Some(slot) => {
                        let viewer = &http_request.viewer;
                        let budget = self.charge(viewer, Wanted::cached()).await?;
                        let shared = (by_get && slot.public).then_some(&parts.headers);
                        let answer = self.cached(slot, prepared, viewer, request_id, media, shared);
                        let mut answer = answer.await;
                        if shared.is_none() {
                            answer.headers_mut().extend(budget);
                        }
                        Ok(answer)
                    }
                    None => {
                        let wanted = Wanted::of(&prepared);
                        let budget = self.charge(&http_request.viewer, wanted).await?;
                        let mut response = self.finish(prepared, request_id).await;
                        response.http_headers.extend(budget);
                        Ok(single(response, media))
                    }
                }
            }
            RequestBody::Batch(all) => {
                let media = media.ok_or_else(Refusal::not_acceptable)?;
                let responses = self
                    .run_batch(all, &http_request, &identified, request_id)
                    .await?;
                Ok(batch(responses, media))
            }
        }
    }

    async fn read_post(&self, parts: &Parts, body: Body) -> Result<(RequestBody, usize), Refusal> {
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

    /// Runs a batch: queries concurrently, or all in order as soon as one is a mutation.
    async fn run_batch(
        &self,
        all: Vec<Params>,
        http_request: &HttpRequestContext<V>,
        identified: &Identified<V>,
        request_id: &RequestId,
    ) -> Result<Vec<Response>, Refusal> {
        let size = all.len();
        let preparing = all
            .into_iter()
            .map(|params| self.prepare(params, http_request, size));
        let prepared = join_all(preparing).await.into_iter();
        let prepared = prepared
            .map(|prepared| identified.admit(prepared, begins_session))
            .collect::<Result<Vec<_>, _>>()?;
        let secrets: u32 = prepared.iter().map(Prepared::auth_mutations).sum();
        if secrets > 1 {
            return Err(Refusal::new(
                axum::http::StatusCode::BAD_REQUEST,
                codes::OPERATION_TOO_COMPLEX,
                "a batch may hold one mutation that signs in, registers or changes a password",
            ));
        }
        let wanted = prepared.iter().map(Wanted::of);
        let wanted = wanted.fold(Wanted::default(), Wanted::add);
        self.check_cost(wanted.cost).map_err(|message| {
            let code = codes::OPERATION_TOO_COMPLEX;
            Refusal::new(axum::http::StatusCode::BAD_REQUEST, code, message)
        })?;
        self.charge(&http_request.viewer, wanted).await?;
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

    /// Executes the request and formats the errors of its response.
    async fn finish(&self, prepared: Prepared<V>, request_id: &RequestId) -> Response {
        let cost = prepared.ready().map(|(operation, _)| operation.cost);
        let mut response = prepared.execute(&self.run).await;
        self.tell_cost(&mut response, cost);
        self.with_formatted_errors(response, request_id)
    }
}

/// What the GraphQL requests of one HTTP request have in common.
struct HttpRequestContext<V> {
    viewer: V,
    request_id: RequestId,
    bytes: usize,
    by_get: bool,
    deadline: Instant,
}
