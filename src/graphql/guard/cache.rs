//! Documents that passed the guard, kept by their source.

use std::mem::size_of;
use std::sync::Arc;

use async_graphql::{Positioned, Variables, parser::types::Selection};
use moka::sync::Cache;

use super::{Contract, Document, Errors, Limits, ReadyOperation, check, source};

/// Parses and validates each document once.
///
/// The key is the whole source and not only its hash: two documents with one hash would
/// otherwise let a client choose what another client runs. Refusals are not kept; they are
/// cheap, and a sender of nonsense must not push out what others use.
#[derive(Debug, Clone)]
pub struct DocumentCache {
    contract: Arc<Contract>,
    limits: Arc<Limits>,
    kept: Cache<String, Arc<Document>>,
}

impl DocumentCache {
    /// A cache of documents for the schema `contract` that keeps about `bytes` of memory.
    #[must_use]
    pub fn new(contract: Contract, limits: Limits, bytes: u64) -> Self {
        let kept = Cache::builder()
            .max_capacity(bytes)
            .weigher(|source: &String, document: &Arc<Document>| weight(source, document))
            .build();
        Self {
            contract: Arc::new(contract),
            limits: Arc::new(limits),
            kept,
        }
    }

    /// The limits that documents are held to.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The valid document for `source`, from the cache where it is known.
    ///
    /// # Errors
    ///
    /// As [`check`].
    pub fn check(&self, source: &str) -> Result<Arc<Document>, Errors> {
        source::check_length(source, &self.limits)?;
        if let Some(known) = self.kept.get(source) {
            return Ok(known);
        }
        let document = Arc::new(check(source, &self.contract, &self.limits)?);
        self.kept.insert(source.to_owned(), Arc::clone(&document));
        Ok(document)
    }

    /// The operation `operation_name` of the document for `source`, ready for execution with `variables`.
    ///
    /// # Errors
    ///
    /// As [`check`] and [`Document::ready`].
    pub fn ready(
        &self,
        source: &str,
        operation_name: Option<&str>,
        variables: &Variables,
    ) -> Result<ReadyOperation, Errors> {
        let document = self.check(source)?;
        document.ready(&self.contract, operation_name, variables)
    }
}

/// The bytes that an entry takes, about: a field is the largest thing that one token makes, in the
/// document and in a canonical form or two.
fn weight(source: &str, document: &Document) -> u32 {
    let field = 3 * (size_of::<Positioned<Selection>>() + 32);
    let bytes = 1024 + source.len() + document.tokens * field;
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
