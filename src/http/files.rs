//! `GET /files/{schema}/{name}`: files of the object store.
//!
//! A file has no owner of its own. Its name, 256 bits that nobody can guess, is the leave to read it;
//! it is told only to those who may see the item that the file belongs to.

use std::ops::Range;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    IF_RANGE, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::middleware::RequestId;
use super::{AppState, unknown_schema};
use crate::foundation::Error;
use crate::platform::config::SchemaName;
use crate::platform::objects::{MediaType, ObjectName};

/// What is under a name never changes.
const FOREVER: &str = "public, max-age=31536000, immutable";

/// Answers a file, a part of it, or that the client has it already.
pub async fn file(
    State(state): State<AppState>,
    Path((schema, name)): Path<(String, String)>,
    request_id: Option<Extension<RequestId>>,
    headers: HeaderMap,
) -> Response {
    let named = schema.parse::<SchemaName>().ok();
    let Some(services) = named.and_then(|name| state.schemas.get(&name)) else {
        return unknown_schema::respond(&state.schemas, &schema, request_id.as_deref());
    };
    let Ok(name) = name.parse::<ObjectName>() else {
        return super::not_found().await;
    };
    let bytes = match services.generation.file(&name).await {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return super::not_found().await,
        Err(Error::Unavailable(message)) => {
            return (StatusCode::SERVICE_UNAVAILABLE, message + "\n").into_response();
        }
        Err(error) => {
            tracing::error!(?error, "A file could not be read");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let etag = format!("\"{name}\"");
    let common = [(CACHE_CONTROL, FOREVER), (ETAG, etag.as_str())];
    if text(&headers, IF_NONE_MATCH).is_some_and(|known| names(known, &etag)) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let kind = match name.media_type() {
        MediaType::Text => "text/plain; charset=utf-8",
        other => other.as_str(),
    };
    let own = [
        (CONTENT_TYPE, kind),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (ACCEPT_RANGES, "bytes"),
    ];
    let wanted = text(&headers, RANGE)
        .filter(|_| text(&headers, IF_RANGE).is_none_or(|known| known == etag))
        .map_or(Wanted::All, |range| Wanted::read(range, bytes.len()));
    match wanted {
        Wanted::All => (StatusCode::OK, common, own, Body::from(bytes)).into_response(),
        Wanted::Part(part) => {
            let content_range = format!("bytes {}-{}/{}", part.start, part.end - 1, bytes.len());
            let content_range = [(CONTENT_RANGE, content_range)];
            let part = Body::from(bytes.slice(part));
            (
                StatusCode::PARTIAL_CONTENT,
                common,
                own,
                content_range,
                part,
            )
                .into_response()
        }
        Wanted::Nothing => {
            let whole = [(CONTENT_RANGE, format!("bytes */{}", bytes.len()))];
            let empty = [(CONTENT_LENGTH, "0")];
            (StatusCode::RANGE_NOT_SATISFIABLE, whole, empty).into_response()
        }
    }
}

fn text(headers: &HeaderMap, name: axum::http::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Whether an `If-None-Match` has this tag; weak ones count as well (RFC 9110, 13.1.2).
fn names(list: &str, etag: &str) -> bool {
    let mut tags = list.split(',').map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// How much of a file is asked for.
#[derive(Debug, PartialEq)]
enum Wanted {
    All,
    Part(Range<usize>),
    /// A part that lies behind the end.
    Nothing,
}

impl Wanted {
    /// Reads a `Range` header. One that cannot be read, and one of several parts, is as none: a
    /// server may ignore it (RFC 9110, 14.2).
    fn read(header: &str, length: usize) -> Self {
        let Some((first, last)) = header
            .strip_prefix("bytes=")
            .and_then(|range| range.split_once('-'))
        else {
            return Self::All;
        };
        let part = match (first.trim().parse::<usize>(), last.trim().parse::<usize>()) {
            (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(length),
            (Ok(first), Err(_)) if last.trim().is_empty() => first..length,
            (Err(_), Ok(count)) if first.trim().is_empty() => length.saturating_sub(count)..length,
            _ => return Self::All,
        };
        if part.start < part.end {
            Self::Part(part)
        } else {
            Self::Nothing
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_as_the_rules_of_http_say() {
        for (header, wanted) in [
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=2-5", Wanted::Part(2..6)),
            ("bytes=2-", Wanted::Part(2..10)),
            ("bytes=2-99", Wanted::Part(2..10)),
            ("bytes=-3", Wanted::Part(7..10)),
            ("bytes=-99", Wanted::Part(0..10)),
            ("bytes=0-18446744073709551615", Wanted::Part(0..10)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=5-2", Wanted::All),
            ("bytes=0-1,3-4", Wanted::All),
            ("bytes=-", Wanted::All),
            ("lines=1-2", Wanted::All),
        ] {
            assert_eq!(Wanted::read(header, 10), wanted, "{header}");
        }
        assert_eq!(Wanted::read("bytes=0-", 0), Wanted::Nothing);
    }

    #[test]
    fn a_tag_is_found_in_a_list_of_them() {
        for (list, found) in [
            ("\"a\"", true),
            ("\"b\", \"a\"", true),
            ("W/\"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
            ("", false),
        ] {
            assert_eq!(names(list, "\"a\""), found, "{list}");
        }
    }
}
