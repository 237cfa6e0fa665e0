//! Persisted documents as the settings want them.

use std::sync::Arc;

use anyhow::Context;

use super::graphql::persisted::{AutomaticDocuments, PersistedDocuments, TrustedDocuments};
use crate::domain::caching::CachingService;
use crate::graphql::guard::DocumentCache;
use crate::platform::config::{DocumentTrust, Graphql};

/// The manifest, and what it is for.
pub(super) struct PersistedSettings {
    trust: DocumentTrust,
    trusted: Arc<TrustedDocuments>,
    automatic: bool,
}

impl PersistedSettings {
    /// Reads the manifest and checks its documents.
    ///
    /// # Errors
    /// When the manifest cannot be read, or a document in it does not fit the schema: better at the start than
    /// in front of a user.
    pub(super) fn read(settings: &Graphql, documents: &DocumentCache) -> anyhow::Result<Self> {
        let trust = settings.trusted_documents;
        let trusted = if trust == DocumentTrust::Off {
            TrustedDocuments::default()
        } else {
            let path = &settings.trusted_documents_file;
            let about = || format!("`graphql.trusted_documents_file` ({})", path.display());
            let manifest = std::fs::read_to_string(path).with_context(about)?;
            let trusted = TrustedDocuments::read(&manifest).with_context(about)?;
            for (id, document) in trusted.iter() {
                if let Err(errors) = documents.check(document) {
                    let reasons: Vec<_> = errors.into_iter().map(|error| error.message).collect();
                    let reasons = reasons.join("; ");
                    anyhow::bail!("{}: the document \"{id}\" is invalid: {reasons}", about());
                }
            }
            let documents = trusted.len();
            tracing::info!(documents, ?trust, "Read the manifest of trusted documents");
            trusted
        };
        Ok(Self {
            trust,
            trusted: Arc::new(trusted),
            automatic: settings.automatic_persisted_queries,
        })
    }

    /// The persisted documents of one schema, whose automatic ones are in its cache.
    pub(super) fn of(&self, caching: CachingService) -> PersistedDocuments {
        let automatic = self.automatic.then(|| {
            let automatic: AutomaticDocuments = Arc::new(move |hash, document| {
                let caching = caching.clone();
                Box::pin(async move {
                    let kept = caching.persisted_document(&hash, document).await?;
                    Some(kept.as_ref().clone())
                })
            });
            automatic
        });
        PersistedDocuments {
            trust: self.trust,
            trusted: Arc::clone(&self.trusted),
            automatic,
        }
    }
}
