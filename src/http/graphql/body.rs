//! Reading the body of a POST within bounds of size and time.

use std::time::Duration;

use axum::{
    body::{Body, BodyDataStream},
    http::{HeaderMap, header},
};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use tokio::time::timeout;

use super::respond::Refusal;

/// How much of a refused body is still read, and for how long. A client that is cut off while
/// it sends often loses the answer too; past these bounds it has itself to blame.
const DRAIN_BYTES: usize = 32 * 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// Reads a body of at most `limit` bytes that arrives within `read_timeout`.
///
/// # Errors
///
/// 413 when it is longer, known from `Content-Length` before a byte is read where the client
/// says so; 408 when it does not arrive in time; 415 when it is compressed; 400 when the
/// connection breaks.
pub async fn read(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    read_timeout: Duration,
) -> Result<Bytes, Refusal> {
    if headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(Refusal::unsupported_media_type(
            "send the body without a content encoding",
        ));
    }
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let mut stream = body.into_data_stream();
    if announced.is_some_and(|length| length > limit) {
        drain(stream);
        return Err(Refusal::too_large(limit));
    }
    match timeout(read_timeout, collect(&mut stream, limit)).await {
        Ok(Ok(Some(bytes))) => Ok(bytes),
        Ok(Ok(None)) => {
            drain(stream);
            Err(Refusal::too_large(limit))
        }
        Ok(Err(_)) => Err(Refusal::bad_request("the body ended too early")),
        Err(_) => Err(Refusal::request_timeout()),
    }
}

/// `None` when the body is longer than `limit`.
async fn collect(stream: &mut BodyDataStream, limit: usize) -> Result<Option<Bytes>, axum::Error> {
    let mut whole = BytesMut::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        if whole.len() + chunk.len() > limit {
            return Ok(None);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(Some(whole.freeze()))
}

/// Throws the rest away beside the answer, which does not wait for it.
pub(in crate::http) fn drain(mut stream: BodyDataStream) {
    tokio::spawn(timeout(DRAIN_TIME, async move {
        let mut seen = 0;
        while let Some(Ok(chunk)) = stream.next().await {
            seen += chunk.len();
            if seen > DRAIN_BYTES {
                break;
            }
        }
    }));
}
