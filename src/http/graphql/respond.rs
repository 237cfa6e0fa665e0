//! From GraphQL responses to HTTP: status codes, headers and bodies.
//!
//! | what happened | `application/graphql-response+json` | `application/json` |
//! |---|---|---|
//! | executed, errors or not | 200 | 200 |
//! | does not parse, does not validate, over a limit, bad variables | 400 | 200 |
//! | not a GraphQL request: no JSON, wrong types, no `query` | 400 | 400 |
//! | bad token | 401 | 401 |
//! | forbidden as a whole, or from another site | 403 | 403 |
//! | mutation by GET, other methods | 405 | 405 |
//! | no acceptable media type | 406 | 406 |
//! | body did not arrive in time | 408 | 408 |
//! | body too large | 413 | 413 |
//! | body is not JSON | 415 | 415 |
//! | rate limit | 429 | 429 |
//! | a resolver panicked | 500 | 500 |
//! | time is up, or a part is away | 503 | 503 |
//!
//! 408 is about a slow client and invites it to repeat; an execution that took too long is the
//! server's matter and gets 503. A batch is answered by 200 unless all of its requests failed
//! with the same other status.

use std::collections::BTreeMap;
use std::time::Duration;

use async_graphql::{Response, ServerError, Value};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response as HttpResponse,
};
use bytes::Bytes;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::limits::COST;
use super::negotiate::MediaType;
use crate::graphql::errors::{
    ErrorFormat, MASKED, code, codes, format_errors, is_request_error, request_error,
};

/// A request that is answered before a document is looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {message}")]
pub struct Refusal {
    /// The status of the answer.
    pub status: StatusCode,
    /// The code in the body.
    pub code: &'static str,
    /// What is wrong; shortened when it is sent.
    pub message: String,
    /// Headers that go with the status.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    /// A refusal with a status, a code and a sentence.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            headers: Vec::new(),
        }
    }

    fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }

    /// 400: not a GraphQL request.
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, codes::BAD_USER_INPUT, message)
    }

    /// 401: the token is bad. A missing token is no reason; the viewer is then anonymous.
    #[must_use]
    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, codes::UNAUTHENTICATED, message)
            .with(header::WWW_AUTHENTICATE, "Bearer")
    }

    /// 403: a page of another site sent it.
    #[must_use]
    pub fn cross_site() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            codes::FORBIDDEN,
            "a GET from another site needs the header x-marquee-csrf, or its origin on the CORS list",
        )
    }

    /// 405: GET runs queries only.
    #[must_use]
    pub fn mutation_by_get() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            codes::BAD_USER_INPUT,
            "GET runs queries only; send mutations by POST",
        )
        .with(header::ALLOW, "POST")
    }

    /// 405: neither GET nor POST.
    #[must_use]
    pub fn method() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            codes::BAD_USER_INPUT,
            "GraphQL takes GET and POST",
        )
        .with(header::ALLOW, "GET, POST")
    }

    /// 406: no media type suits.
    #[must_use]
    pub fn not_acceptable() -> Self {
        Self::new(
            StatusCode::NOT_ACCEPTABLE,
            codes::BAD_USER_INPUT,
            "answers are application/graphql-response+json or application/json",
        )
    }

    /// 408: the body did not arrive in time.
    #[must_use]
    pub fn request_timeout() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            codes::BAD_USER_INPUT,
            "the body did not arrive in time",
        )
        .with(header::CONNECTION, "close")
    }

    /// 413: the body is too long.
    #[must_use]
    pub fn too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            codes::BAD_USER_INPUT,
            format!("the body is longer than {limit} bytes"),
        )
        .with(header::CONNECTION, "close")
    }

    /// 415: the body is not plain JSON.
    #[must_use]
    pub fn unsupported_media_type(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            codes::BAD_USER_INPUT,
            message,
        )
        .with(HeaderName::from_static("accept-post"), "application/json")
    }

    /// 500 with nothing to read in it, for a fault that is in the log.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            codes::INTERNAL_SERVER_ERROR,
            MASKED,
        )
    }

    /// The answer, with the same shape of body as every other.
    #[must_use]
    pub fn respond(self, media: MediaType, request_id: &str) -> HttpResponse {
        let mut response = Response::from_errors(vec![request_error(self.code, self.message)]);
        format_errors(
            &mut response,
            ErrorFormat {
                request_id,
                suggestions: false,
            },
        );
        let mut answer = answer(self.status, media, &ResponseBody::from(&response));
        answer.headers_mut().extend(self.headers);
        answer
    }
}

/// Answers one request with a response whose errors are formatted.
#[must_use]
pub fn single(response: Response, media: MediaType) -> HttpResponse {
    let mut answer = answer(
        status(&response, media),
        media,
        &ResponseBody::from(&response),
    );
    let cache = response
        .is_ok()
        .then(|| response.cache_control.value())
        .flatten();
    if let Some(cache) = cache.and_then(|value| HeaderValue::try_from(value).ok()) {
        answer.headers_mut().insert(header::CACHE_CONTROL, cache);
    }
    finish(answer, [response])
}

/// The body of a response that may be given to others who ask the same: one without errors, and
/// without anything that a resolver wanted said beside the data. What it costs is the same each time.
#[must_use]
pub fn cacheable_body(response: &Response) -> Option<Bytes> {
    let plain = response.errors.is_empty()
        && response.extensions.keys().all(|name| name == COST)
        && response.http_headers.is_empty()
        && response.cache_control.value().is_none();
    let body = plain.then(|| serde_json::to_vec(&ResponseBody::from(response)));
    body?.ok().map(Bytes::from)
}

/// Answers with a body that was written before.
#[must_use]
pub fn from_body(body: Bytes, media: MediaType) -> HttpResponse {
    with_headers(StatusCode::OK, media, Body::from(body))
}

/// Answers with a body that caches on the way may share for `max_age`, and give longer if the server says that it is
/// still the same: 304 where the request's `headers` name it in `If-None-Match`.
#[must_use]
pub(super) fn shared(
    body: Bytes,
    media: MediaType,
    headers: &HeaderMap,
    max_age: Duration,
) -> HttpResponse {
    let digest = Sha256::digest(&body);
    let tag: String = digest
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let tag = format!("\"{tag}\"");
    let known = headers.get_all(header::IF_NONE_MATCH).iter().any(|named| {
        let named = named.to_str().unwrap_or_default();
        // A tag of a compressed answer is a weak one.
        let mut named = named
            .split(',')
            .map(|one| one.trim().trim_start_matches("W/"));
        named.any(|one| one == tag || one == "*")
    });
    let mut answer = if known {
        with_headers(StatusCode::NOT_MODIFIED, media, Body::empty())
    } else {
        from_body(body, media)
    };
    let cache = format!("public, max-age={}, must-revalidate", max_age.as_secs());
    for (name, value) in [(header::CACHE_CONTROL, cache), (header::ETAG, tag)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}

/// Answers a batch with responses whose errors are formatted, in the order of the requests. It is never cached.
#[must_use]
pub fn batch(responses: Vec<Response>, media: MediaType) -> HttpResponse {
    let bodies: Vec<_> = responses.iter().map(ResponseBody::from).collect();
    // What does not validate is the matter of one entry, so 400 is not for the list.
    let mut statuses = responses
        .iter()
        .map(|response| status(response, MediaType::Json));
    let first = statuses.next().unwrap_or(StatusCode::OK);
    let status = if statuses.all(|status| status == first) {
        first
    } else {
        StatusCode::OK
    };
    finish(answer(status, media, &bodies), responses)
}

fn status(response: &Response, media: MediaType) -> StatusCode {
    if !is_request_error(response) {
        return StatusCode::OK;
    }
    match response.errors.first().and_then(code) {
        Some(codes::UNAUTHENTICATED) => StatusCode::UNAUTHORIZED,
        Some(codes::FORBIDDEN) => StatusCode::FORBIDDEN,
        Some(codes::RATE_LIMITED) => StatusCode::TOO_MANY_REQUESTS,
        Some(codes::INTERNAL_SERVER_ERROR) => StatusCode::INTERNAL_SERVER_ERROR,
        Some(codes::UNAVAILABLE) => StatusCode::SERVICE_UNAVAILABLE,
        _ if media == MediaType::GraphqlResponse => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}

fn answer(status: StatusCode, media: MediaType, body: &impl Serialize) -> HttpResponse {
    let (status, bytes) = match serde_json::to_vec(body) {
        Ok(bytes) => (status, bytes),
        Err(error) => {
            tracing::error!(%error, "A response could not be written as JSON");
            (StatusCode::INTERNAL_SERVER_ERROR, Vec::new())
        }
    };
    with_headers(status, media, Body::from(bytes))
}

fn with_headers(status: StatusCode, media: MediaType, body: Body) -> HttpResponse {
    let mut answer = HttpResponse::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, media.content_type());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::VARY,
        HeaderValue::from_static("accept, authorization"),
    );
    answer
}

/// Adds the headers that resolvers and limits ask for, and what a status requires.
fn finish(mut answer: HttpResponse, responses: impl IntoIterator<Item = Response>) -> HttpResponse {
    if answer.status() == StatusCode::UNAUTHORIZED {
        answer
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    let mut asked_for = HeaderMap::new();
    for response in responses {
        asked_for.extend(response.http_headers);
    }
    answer.headers_mut().extend(asked_for);
    answer
}

/// A response as it is written: errors first, and `data` only if the execution began.
#[derive(Serialize)]
pub(super) struct ResponseBody<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [ServerError],
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extensions: &'a BTreeMap<String, Value>,
}

impl<'a> From<&'a Response> for ResponseBody<'a> {
    fn from(response: &'a Response) -> Self {
        Self {
            errors: &response.errors,
            data: (!is_request_error(response)).then_some(&response.data),
            extensions: &response.extensions,
        }
    }
}
