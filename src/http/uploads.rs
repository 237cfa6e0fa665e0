//! `POST /uploads/{schema}`: a file for an import, as `multipart/form-data`.
//!
//! The field `file` is the file; a field `name` may call it otherwise. The file goes to the store as
//! it arrives, and of one that does not arrive whole nothing stays. A page of another site cannot
//! send one in somebody's name: tokens travel in `Authorization`, which browsers do not add.

use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Json;
use axum::body::BodyDataStream;
use axum::extract::{Path, Request, State};
use axum::http::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use multer::{Constraints, Field, Multipart, SizeLimit};
use serde::Serialize;
use tokio::time::timeout;

use super::AppState;
use super::graphql::body::drain;
use super::graphql::negotiate::MediaType;
use super::graphql::respond::Refusal;
use super::identity::{self, RequestIdentity};
use super::middleware::RequestId;
use super::unknown_schema::unknown_schema;
use crate::domain::Services;
use crate::domain::auth::Viewer;
use crate::domain::uploads::{Upload, UploadWriter};
use crate::foundation::Error;
use crate::graphql::errors::codes;
use crate::platform::config::{SchemaName, Settings};

/// What a form may have beside the file: boundaries, headers, the field `name`.
const BESIDE: u64 = 1 << 16;
/// The longest field `name`, in bytes.
const MOST_NAME: u64 = 4096;
/// What to do, for whoever sent something else.
const HOW: &str = "send one file as multipart/form-data: curl -F file=@ratings.csv";

/// What one upload may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// The largest file, in bytes.
    bytes: u64,
    /// How long the server waits for the next part of it.
    read_timeout: Duration,
}

impl Bounds {
    /// The bounds of the settings.
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            bytes: settings.imports.max_upload_bytes,
            read_timeout: settings.http.request_timeout(),
        }
    }
}

/// What is said of a file that is there now.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    id: String,
    name: String,
    bytes: i64,
    sha256: String,
    created_at: chrono::DateTime<chrono::Utc>,
}

impl From<Upload> for Answer {
    fn from(upload: Upload) -> Self {
        Self {
            id: upload.id.to_string(),
            sha256: upload.digest(),
            name: upload.name,
            bytes: upload.bytes,
            created_at: upload.created_at,
        }
    }
}

/// Takes a file in and answers what it is known as.
pub(super) async fn upload(
    State(state): State<AppState>,
    Path(schema): Path<String>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let id = parts.extensions.get::<RequestId>().cloned();
    let id = id.unwrap_or_default();
    let mut body = body.into_data_stream();
    let outcome = match state.admit(&schema, &parts).await {
        Ok((services, viewer, boundary)) => {
            let form = form(&mut body, &boundary, state.uploads);
            let kept = receive(&services, &viewer, form, state.uploads).await;
            // Who has uploaded asks for it next.
            services.auth.note_write(&viewer).await;
            kept
        }
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Ok(upload) => {
            let headers = [(CACHE_CONTROL, "no-store")];
            (StatusCode::CREATED, headers, Json(Answer::from(upload))).into_response()
        }
        Err(mut refusal) => {
            // A client that is cut off while it sends would not hear why.
            drain(body);
            let close = HeaderValue::from_static("close");
            refusal.headers.push((CONNECTION, close));
            refusal.respond(MediaType::Json, id.as_str())
        }
    }
}

impl AppState {
    /// Whoever asks, if they may upload, and the boundary of the form; all that can be told before
    /// the body is read.
    async fn admit(
        &self,
        schema: &str,
        parts: &Parts,
    ) -> Result<(Arc<Services>, Viewer, String), Refusal> {
        let name = schema.parse::<SchemaName>().ok();
        let services = name.and_then(|name| self.schemas.get(&name));
        let services = services.ok_or_else(|| unknown_schema(&self.schemas, schema))?;
        let token = identity::bearer(parts)?;
        let identity = RequestIdentity::of(
            &services.auth,
            token.as_deref(),
            identity::client(&parts.extensions),
        )
        .await?;
        let viewer = identity.admission.viewer;
        services.uploads.may_upload(&viewer).map_err(refuse)?;
        let boundary = boundary(parts)?;
        let length = parts.headers.get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > self.uploads.bytes.saturating_add(BESIDE)) {
            return Err(too_large(self.uploads.bytes));
        }
        Ok((Arc::clone(services), viewer, boundary))
    }
}

/// What the parts of the form are told apart by.
fn boundary(parts: &Parts) -> Result<String, Refusal> {
    let unsupported = |name: HeaderName, value: &'static str, message: &str| {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let mut refusal = Refusal::new(status, codes::BAD_USER_INPUT, message);
        refusal
            .headers
            .push((name, HeaderValue::from_static(value)));
        refusal
    };
    let coding = parts.headers.get(CONTENT_ENCODING);
    if coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        let message = "send the form without a content encoding; the file in it may be gz";
        return Err(unsupported(ACCEPT_ENCODING, "identity", message));
    }
    let kind = parts.headers.get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    multer::parse_boundary(kind).map_err(|_| {
        let accept = HeaderName::from_static("accept-post");
        unsupported(accept, "multipart/form-data", HOW)
    })
}

/// The form in a body, one piece at a time.
fn form<'body>(
    body: &'body mut BodyDataStream,
    boundary: &str,
    bounds: Bounds,
) -> Multipart<'body> {
    let pieces = futures::stream::unfold(Some(body), move |body| async move {
        let body = body?;
        match timeout(bounds.read_timeout, body.next()).await {
            Ok(Some(Ok(bytes))) => Some((Ok(bytes), Some(body))),
            Ok(Some(Err(error))) => Some((Err(io::Error::other(error)), None)),
            Ok(None) => None,
            Err(_) => Some((Err(io::ErrorKind::TimedOut.into()), None)),
        }
    });
    let limits = SizeLimit::new()
        .whole_stream(bounds.bytes.saturating_add(BESIDE))
        .for_field("name", MOST_NAME);
    let constraints = Constraints::new()
        .allowed_fields(vec!["file", "name"])
        .size_limit(limits);
    Multipart::with_constraints(one_by_one(pieces), boundary, constraints)
}

/// The same stream, with a pause behind each piece. Who reads a form takes all that is ready into
/// memory, and a client on the same machine has gigabytes ready.
fn one_by_one(
    pieces: impl Stream<Item = io::Result<Bytes>> + Send,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let mut pieces = Box::pin(pieces);
    let mut pause = false;
    futures::stream::poll_fn(move |context| {
        if std::mem::take(&mut pause) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let next = pieces.as_mut().poll_next(context);
        pause = matches!(next, Poll::Ready(Some(Ok(_))));
        next
    })
}

/// Reads the whole form, and keeps its file.
async fn receive(
    services: &Services,
    viewer: &Viewer,
    mut form: Multipart<'_>,
    bounds: Bounds,
) -> Result<Upload, Refusal> {
    let mut writer = None;
    let read = read(&mut form, services, viewer, bounds, &mut writer).await;
    match (read, writer) {
        (Ok(Some(name)), Some(writer)) => {
            // To its end, even if the client goes away now: a file without a row would stay.
            let kept = tokio::spawn(async move { writer.finish(&name).await });
            let kept = kept
                .await
                .unwrap_or_else(|error| Err(Error::Internal(error.into())));
            kept.map_err(refuse)
        }
        (read, writer) => {
            if let Some(writer) = writer {
                writer.abort().await;
            }
            read?;
            Err(Refusal::bad_request(HOW))
        }
    }
}

/// Reads the fields of a form; the file goes to `writer`, its name is the answer.
async fn read(
    form: &mut Multipart<'_>,
    services: &Services,
    viewer: &Viewer,
    bounds: Bounds,
    writer: &mut Option<UploadWriter>,
) -> Result<Option<String>, Refusal> {
    let (mut own, mut given) = (None, None);
    let broken = |error| cut(&error, bounds);
    while let Some(mut field) = form.next_field().await.map_err(broken)? {
        if field.name() == Some("name") {
            given = Some(field.text().await.map_err(broken)?);
            continue;
        }
        if writer.is_some() {
            let message = "one file at a time; an import takes several uploads together";
            return Err(Refusal::bad_request(message));
        }
        own = field.file_name().map(str::to_owned);
        let begun = services.uploads.begin(viewer).await.map_err(refuse)?;
        take(&mut field, writer.insert(begun), bounds).await?;
    }
    Ok(given.or(own))
}

async fn take(
    field: &mut Field<'_>,
    writer: &mut UploadWriter,
    bounds: Bounds,
) -> Result<(), Refusal> {
    while let Some(bytes) = field.chunk().await.map_err(|error| cut(&error, bounds))? {
        if writer.bytes() + bytes.len() as u64 > bounds.bytes {
            return Err(too_large(bounds.bytes));
        }
        writer.write(bytes).await.map_err(refuse)?;
    }
    Ok(())
}

/// Why a form could not be read to its end.
fn cut(error: &multer::Error, bounds: Bounds) -> Refusal {
    match error {
        multer::Error::StreamSizeExceeded { .. } => too_large(bounds.bytes),
        multer::Error::FieldSizeExceeded { .. } => {
            Refusal::bad_request(format!("the field `name` has at most {MOST_NAME} bytes"))
        }
        multer::Error::UnknownField { .. } => {
            Refusal::bad_request(format!("the fields are `file` and `name`; {HOW}"))
        }
        multer::Error::StreamReadFailed(cause) if is_late(&**cause) => Refusal::request_timeout(),
        multer::Error::StreamReadFailed(_)
        | multer::Error::IncompleteStream
        | multer::Error::IncompleteHeaders
        | multer::Error::IncompleteFieldData { .. } => {
            Refusal::bad_request("the body ended too early; nothing was kept, send it again")
        }
        _ => Refusal::bad_request(format!("this is no good form; {HOW}")),
    }
}

fn is_late(cause: &(dyn std::error::Error + 'static)) -> bool {
    let cause = cause.downcast_ref::<io::Error>();
    cause.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
}

fn too_large(bytes: u64) -> Refusal {
    let message = format!(
        "an upload has at most {bytes} bytes (the setting `imports.max_upload_bytes`); pack the file \
         with gzip, or split it"
    );
    Refusal::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        codes::BAD_USER_INPUT,
        message,
    )
}

/// What a service refuses, over HTTP.
fn refuse(error: Error) -> Refusal {
    let code = error.code();
    match error {
        Error::Unauthenticated(message) => Refusal::unauthenticated(message),
        Error::Forbidden(message) => Refusal::new(StatusCode::FORBIDDEN, code, message),
        Error::Refused(refusal) => Refusal::new(StatusCode::BAD_REQUEST, code, refusal.to_string()),
        Error::Unavailable(message) => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, code, message),
        Error::Internal(cause) => {
            tracing::error!(error = format!("{cause:#}"), "An upload failed");
            Refusal::internal()
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn of_a_body_that_is_all_there_one_piece_is_taken_at_a_time() {
        let pieces = (0..3_u8).map(|piece| Ok(Bytes::from(vec![piece])));
        let mut slow = Box::pin(one_by_one(futures::stream::iter(pieces)));
        for piece in 0..3 {
            let first = slow.next().now_or_never();
            assert_eq!(first.unwrap().unwrap().unwrap(), vec![piece]);
            assert!(slow.next().now_or_never().is_none(), "a pause");
        }
        assert!(slow.next().await.is_none());
    }
}
