//! What is cached: the words of the contract.

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::foundation::{Id, id};
pub use crate::platform::cache::{CacheKind, Key, Statistics};

/// An answer as it left: the whole JSON body of a query that had no error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptAnswer {
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

/// A question whose answer may be kept: what was asked, in so far as it is the same for all who
/// ask it, and whatever each of them gave to it.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a, V> {
    /// The SHA-256 of the document.
    pub document: &'a [u8; 32],
    /// The operation of the document, where it has a name.
    pub operation: Option<&'a str>,
    /// What the variables stand for.
    pub variables: &'a V,
    /// Whom it is about, beside the viewer.
    pub users: &'a [Id<id::User>],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_comes_back_as_it_was_written() {
        let answer = KeptAnswer {
            body: Bytes::from_static(b"{\"data\":{\"title\":\"\xc3\x9c\"}}"),
        };
        let written = postcard::to_allocvec(&answer).unwrap();
        assert_eq!(
            postcard::from_bytes::<KeptAnswer>(&written).unwrap(),
            answer
        );
    }
}
