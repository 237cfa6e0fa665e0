//! Cached responses and their keys.

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::foundation::{Id, id};
pub use crate::platform::cache::{CacheKind, Key, Statistics};

/// A cached response: the whole JSON body of a query without errors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CachedResponse {
    /// The body.
    #[serde(serialize_with = "write_bytes", deserialize_with = "read_bytes")]
    pub body: Bytes,
}

fn write_bytes<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

fn read_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    Vec::deserialize(deserializer).map(Bytes::from)
}

/// A query with a cacheable response: its document, operation, variables, and the users it is about.
#[derive(Clone, Copy, Debug)]
pub struct CacheableQuery<'a, V> {
    /// The SHA-256 of the document.
    pub document: &'a [u8; 32],
    /// The name of the operation, if any.
    pub operation: Option<&'a str>,
    /// The values of the variables.
    pub variables: &'a V,
    /// The users that the response depends on, beside the viewer.
    pub users: &'a [Id<id::User>],
    /// How the client calls this server: the addresses in the response begin with it.
    pub public_url: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_comes_back_as_it_was_written() {
        let answer = CachedResponse {
            body: Bytes::from_static(b"{\"data\":{\"title\":\"\xc3\x9c\"}}"),
        };
        let written = postcard::to_allocvec(&answer).unwrap();
        assert_eq!(
            postcard::from_bytes::<CachedResponse>(&written).unwrap(),
            answer
        );
    }
}
