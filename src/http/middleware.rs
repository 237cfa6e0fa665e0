//! What surrounds every route: request ids, the access log, security headers, CORS, and the
//! net that catches panics.

use std::{fmt, panic::AssertUnwindSafe, sync::Arc, time::Duration, time::Instant};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::{Next, from_fn, from_fn_with_state},
    response::Response,
};
use futures::FutureExt;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tracing::Instrument;
use uuid::Uuid;

use super::{
    compression,
    graphql::{
        cross_site::{FORCING_HEADERS, is_same_origin},
        negotiate::MediaType,
        respond::Refusal,
    },
    origins::AllowedOrigins,
    trusted_proxies::TrustedProxies,
};
use crate::domain::auth::Client;

/// The header that carries the id of a request, in and out.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken over from a client.
const ID_BYTES: usize = 128;

/// For answers that are not pages: nothing in them may be run or framed.
const DATA_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// For pages, which all come with this server: scripts and workers are its own, and editors
/// such as the one in `GraphiQL` write styles and start workers from memory.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data: blob: https:; font-src 'self' data:; connect-src 'self'; \
     worker-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'";

/// The id of one HTTP request: in the log, in errors and in the answer's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// A new id. They sort by time.
    #[must_use]
    pub fn new() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "it names a request in the log; nothing is decided by it"
        )]
        let id = Uuid::now_v7();
        Self(id.to_string().into())
    }

    /// The id that the client or a proxy gave, if it is sane: it ends up in logs.
    fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(X_REQUEST_ID)?.to_str().ok()?;
        let sane = (1..=ID_BYTES).contains(&value.len())
            && value.bytes().all(|byte| byte.is_ascii_graphic());
        sane.then(|| Self(value.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Puts everything of this module around a router, in the order that works: the net is around
/// every handler, and what it caught still gets its CORS and security headers, its id and its
/// line in the log.
pub fn surround(router: Router, origins: &AllowedOrigins) -> Router {
    surround_with(router, origins, TrustedProxies::default())
}

/// The same behind proxies.
pub(super) fn surround_with(
    router: Router,
    origins: &AllowedOrigins,
    proxies: TrustedProxies,
) -> Router {
    router
        .layer(from_fn(catch_panics))
        .layer(compression::layer())
        .layer(cors(origins))
        .layer(from_fn(secure))
        .layer(from_fn_with_state(Arc::new(proxies), observe))
}

/// Gives the request its id, in and out, and its client, and has it written to the access log.
async fn observe(
    State(proxies): State<Arc<TrustedProxies>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let id = RequestId::from_headers(&parts.headers).unwrap_or_default();
    let client = proxies.client(&parts);
    parts.extensions.insert(id.clone());
    // What a test or an outer layer knows better stays.
    let client = *parts.extensions.get_or_insert_with(|| client);
    let request = Request::from_parts(parts, body);
    let mut line = AccessLine {
        started: Instant::now(),
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        client,
        id,
        status: CLIENT_LEFT,
    };
    let span = tracing::info_span!("request", request.id = line.id.as_str());
    let mut response = next.run(request).instrument(span).await;
    line.status = response.status().as_u16();
    if let Ok(value) = HeaderValue::from_str(line.id.as_str()) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    response
}

/// What the log says where the client left before there was an answer.
const CLIENT_LEFT: u16 = 499;

/// One line of the access log. It is written when it is dropped, so that a request whose
/// client went away is not missing. The query string is left out: it may hold tokens and
/// personal data.
struct AccessLine {
    started: Instant,
    method: Method,
    path: String,
    client: Client,
    id: RequestId,
    status: u16,
}

impl Drop for AccessLine {
    fn drop(&mut self) {
        let Self {
            started,
            method,
            path,
            client,
            id,
            status,
        } = self;
        let address = client.address.map(tracing::field::display);
        let ms = started.elapsed().as_secs_f64() * 1_000.0;
        tracing::info!(%method, path, status, ms, client.address = address, request.id = id.as_str(), "Answered {method} {path} with {status}");
    }
}

/// Turns a panic anywhere inside into a masked 500, instead of a connection that just ends.
async fn catch_panics(request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().cloned();
    AssertUnwindSafe(next.run(request))
        .catch_unwind()
        .await
        .unwrap_or_else(|_| {
            let id = id.unwrap_or_default();
            tracing::error!(request.id = id.as_str(), "A handler panicked");
            Refusal::internal().respond(MediaType::Json, id.as_str())
        })
}

/// Adds the security headers. A handler that sets its own policy keeps it.
async fn secure(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let is_page = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let policy = if is_page { PAGE_POLICY } else { DATA_POLICY };
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, policy),
    ] {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Answers preflights from the list. Credentials stay off: tokens travel in `Authorization`.
fn cors(origins: &AllowedOrigins) -> CorsLayer {
    let origins = origins.clone();
    let [ours, apollo, requested_with] = FORCING_HEADERS;
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, parts| {
            // A page of this server sends its origin as well, and needs no leave.
            match is_same_origin(origin, &parts.headers) {
                true => origins.allow(origin),
                false => origins.allow_or_log(origin),
            }
        }))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::ACCEPT,
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            X_REQUEST_ID,
            ours,
            apollo,
            requested_with,
        ])
        .expose_headers([
            header::RETRY_AFTER,
            X_REQUEST_ID,
            HeaderName::from_static("ratelimit-limit"),
            HeaderName::from_static("ratelimit-remaining"),
            HeaderName::from_static("ratelimit-reset"),
        ])
        .max_age(Duration::from_hours(1))
}
