//! What is cached: the words of the contract.

use serde::{Deserialize, Serialize};

pub use crate::platform::cache::{CacheKind, Key, Statistics};

/// An answer as it left: the whole JSON body of a query that had no error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptAnswer {
    /// The body.
    pub body: bytes::Bytes,
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
}
