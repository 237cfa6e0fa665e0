//! Answers are compressed (gzip) for clients that accept it.
//!
//! Only what is text and written as a whole: streams of events would wait in the compressor, pictures are
//! compressed already, and a small answer fits into the packet that it takes anyway.

use axum::http::{HeaderMap, StatusCode, Version, header};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};

/// Smaller answers are sent as they are, in bytes.
const SMALLEST: u64 = 1024;

/// How hard the compressor tries, 1 to 9. JSON of lists takes an eighth of its size at 3, and hardly less at
/// twice the time.
const LEVEL: i32 = 3;

/// Media types that compress well and are never streamed.
const TEXTS: &[&str] = &[
    "application/json",
    "application/graphql-response+json",
    "text/html",
    "text/css",
    "text/javascript",
    "application/javascript",
];

/// The layer that compresses.
pub fn layer() -> CompressionLayer<impl Predicate> {
    CompressionLayer::new()
        .gzip(true)
        .quality(CompressionLevel::Precise(LEVEL))
        .compress_when(SizeAbove::new(SMALLEST).and(is_text))
}

/// Whether an answer is text. What has an entity tag is the same byte by byte whoever asks for it.
fn is_text(_: StatusCode, _: Version, headers: &HeaderMap, _: &axum::http::Extensions) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    TEXTS.contains(&kind) && !headers.contains_key(header::ETAG)
}
