//! Documents that passed the guard, kept by their source.

use std::sync::Arc;

use async_graphql::{Positioned, parser::types::Selection};
use moka::sync::Cache;

use super::{Checked, GuardRefusal, Limits, check, source};

/// Guard and parse each document once.
///
/// The key is the whole source and not only its hash: two documents with one hash would
/// otherwise let a client choose what another client runs. Refusals are not kept; they are
/// cheap, and a sender of nonsense must not push out what others use.
#[derive(Debug, Clone)]
pub struct DocumentCache {
    limits: Arc<Limits>,
    kept: Cache<String, Arc<Checked>>,
}

impl DocumentCache {
    /// A cache that keeps about `bytes` of memory.
    #[must_use]
    pub fn new(limits: Limits, bytes: u64) -> Self {
        let kept = Cache::builder()
            .max_capacity(bytes)
            .weigher(|source: &String, checked: &Arc<Checked>| weight(source, checked))
            .build();
        Self {
            limits: Arc::new(limits),
            kept,
        }
    }

    /// The limits that documents are held to.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The checked document for `source`, from the cache where it is known.
    ///
    /// # Errors
    ///
    /// As [`check`].
    pub fn check(&self, source: &str) -> Result<Arc<Checked>, GuardRefusal> {
        source::check_length(source, &self.limits)?;
        if let Some(known) = self.kept.get(source) {
            return Ok(known);
        }
        let checked = Arc::new(check(source, &self.limits)?);
        self.kept.insert(source.to_owned(), Arc::clone(&checked));
        Ok(checked)
    }
}

/// The bytes that an entry takes, about: a field is the largest thing that one token makes.
fn weight(source: &str, checked: &Checked) -> u32 {
    let field = size_of::<Positioned<Selection>>() + 32;
    let bytes = 512 + source.len() + checked.tokens * field;
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
