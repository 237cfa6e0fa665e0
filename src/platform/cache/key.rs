//! Cache keys and tags.

use std::io;

use serde::Serialize;
use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_64;

use super::CacheKind;
use crate::foundation::{Id, id};

/// A dependency of cached values. [`super::Cache::invalidate`] invalidates all values with a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tag {
    /// A user: interactions, account and preferences.
    User(Id<id::User>),
    /// Content, people and credits.
    Catalogue,
    /// The served model of a kind, by the name of the kind in the database.
    Model(&'static str),
    /// The vectors of items by the served embedding model.
    Vectors,
    /// The table of interaction weights.
    Weights,
    /// Which experiments run.
    Experiments,
    /// All values of a kind. Each key has this tag implicitly.
    Kind(CacheKind),
}

/// The 64-bit digest of a tag of one schema. Two tags that share a digest invalidate each other's values,
/// which is harmless.
pub(super) type TagDigest = u64;

/// Set in the digest of a tag that many values have, so that the many users do not share a
/// counter with it.
const SHARED_COUNTERS: TagDigest = 1 << 63;

impl Tag {
    pub(super) fn digest(self, schema: &str) -> TagDigest {
        let (number, rest, shared) = match self {
            Self::User(user) => (1_u8, user.uuid().as_bytes().to_vec(), false),
            Self::Catalogue => (2, Vec::new(), true),
            Self::Model(kind) => (3, kind.as_bytes().to_vec(), true),
            Self::Weights => (4, Vec::new(), true),
            Self::Vectors => (6, Vec::new(), true),
            Self::Experiments => (7, Vec::new(), true),
            Self::Kind(kind) => (5, kind.as_str().as_bytes().to_vec(), true),
        };
        // A schema's name has no zero byte in it.
        let text = [schema.as_bytes(), &[0, number], &rest].concat();
        let digest = xxh3_64(&text) & !SHARED_COUNTERS;
        if shared {
            digest | SHARED_COUNTERS
        } else {
            digest
        }
    }
}

pub(super) fn is_shared(tag: TagDigest) -> bool {
    tag & SHARED_COUNTERS != 0
}

/// The key of a value: its kind, its tags, and the parts that distinguish it from others of its kind.
#[derive(Clone, Debug)]
pub struct Key {
    pub(super) kind: CacheKind,
    pub(super) tags: Vec<Tag>,
    /// The digest of all parts; `None` where a part cannot be encoded: the value is then not cached.
    pub(super) digest: Option<u128>,
}

impl Key {
    /// A key of `kind`. `parts` is a tuple of everything that the value is a function of, beside the tags:
    /// ids, arguments, the version of the model. Two keys are equal if their parts are equal in JSON.
    pub fn new(kind: CacheKind, tags: &[Tag], parts: &impl Serialize) -> Self {
        let mut hasher = Hasher(Sha256::new());
        let written = serde_json::to_writer(&mut hasher, parts);
        if let Err(error) = &written {
            let kind = kind.as_str();
            tracing::error!(kind, %error, "A cache key cannot be written; the value is not kept");
        }
        Self {
            kind,
            tags: tags.to_vec(),
            digest: written.is_ok().then(|| hasher.finish()),
        }
    }
}

/// A writer that computes the digest of what is written. Clients choose some of the input and must not be
/// able to produce collisions: hence a cryptographic digest.
struct Hasher(Sha256);

impl Hasher {
    fn finish(self) -> u128 {
        let digest: [u8; 32] = self.0.finalize().into();
        let mut half = [0; 16];
        half.copy_from_slice(&digest[..16]);
        u128::from_le_bytes(half)
    }
}

impl io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(parts: &impl Serialize) -> u128 {
        Key::new(CacheKind::Lists, &[], parts).digest.unwrap()
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(digest(&("ab", "c")), digest(&("a", "bc")));
        assert_ne!(digest(&(None::<u8>, 1)), digest(&(1, None::<u8>)));
        assert_ne!(digest(&("1",)), digest(&(1,)));
        assert_eq!(digest(&("a", 1)), digest(&("a", 1)));
    }

    #[test]
    fn a_key_that_cannot_be_written_is_no_key() {
        let map = std::collections::BTreeMap::from([((1, 2), 3)]);
        assert!(Key::new(CacheKind::Lists, &[], &map).digest.is_none());
    }

    #[test]
    fn tags_differ_by_what_they_name_and_by_schema() {
        let user = |number| Tag::User(uuid::Uuid::from_u128(number).into());
        let tags = [
            user(1),
            user(2),
            Tag::Catalogue,
            Tag::Model("BANDIT"),
            Tag::Model("COLLABORATIVE"),
            Tag::Weights,
            Tag::Experiments,
            Tag::Kind(CacheKind::Lists),
            Tag::Kind(CacheKind::Metadata),
        ];
        let digests = ["app", "demo"].map(|schema| tags.map(|tag| tag.digest(schema)));
        let distinct: std::collections::BTreeSet<_> = digests.as_flattened().iter().collect();
        assert_eq!(distinct.len(), 2 * tags.len());
        assert!(!is_shared(user(1).digest("app")) && is_shared(Tag::Catalogue.digest("app")));
    }
}
