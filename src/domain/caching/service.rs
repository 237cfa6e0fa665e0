//! Figures of the cache, emptying it, and with_cache whole answers.

use std::sync::Arc;

use serde::Serialize;

use super::model::{CacheKind, CacheableQuery, CachedResponse, Key, Statistics};
use crate::domain::SchemaContext;
use crate::domain::auth::Viewer;
use crate::domain::models::ModelKind;
use crate::foundation::{Error, Result};
use crate::platform::cache::{Cache, Tag};

/// The cache of one schema.
#[derive(Clone)]
pub struct CachingService {
    cache: Cache,
    caches_responses: bool,
}

impl CachingService {
    /// The cache of the schema of `ctx`.
    pub fn new(ctx: &SchemaContext) -> Self {
        Self {
            cache: ctx.cache.clone(),
            caches_responses: ctx.settings.cache.answers,
        }
    }

    /// Statistics of the cache since the start of this process, by kind. For admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Unauthenticated`], [`crate::foundation::Error::Forbidden`].
    pub async fn statistics(&self, viewer: &Viewer) -> Result<Vec<Statistics>> {
        viewer.admin()?;
        Ok(self.cache.statistics().await)
    }

    /// Whether Redis is reachable; `None` if none is configured.
    pub fn redis_connected(&self) -> Option<bool> {
        self.cache.redis_connected()
    }

    /// Drops the values of `kind`, or all, on every server. For admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Unauthenticated`], [`crate::foundation::Error::Forbidden`].
    pub async fn clear(&self, viewer: &Viewer, kind: Option<CacheKind>) -> Result<()> {
        viewer.admin()?;
        self.cache.clear(kind).await;
        tracing::info!(kind = kind.map(CacheKind::as_str), "The cache was cleared");
        Ok(())
    }

    /// The cache key of the response to `query` for `viewer`. The response must depend on nothing but the
    /// catalogue, the models, the weights, the experiments and the interactions of the viewer and the named users.
    /// `None` when the response cache is disabled.
    pub fn response_key(
        &self,
        viewer: &Viewer,
        query: &CacheableQuery<'_, impl Serialize>,
    ) -> Option<Key> {
        if !self.caches_responses {
            return None;
        }
        let mut tags = vec![Tag::Catalogue, Tag::Vectors, Tag::Weights, Tag::Experiments];
        tags.extend(ModelKind::ALL.iter().map(|kind| Tag::Model(kind.as_str())));
        tags.extend(viewer.user().map(Tag::User));
        tags.extend(query.users.iter().copied().map(Tag::User));
        // The sessions of a user share responses; the role decides what they contain.
        let (who, may) = match viewer {
            Viewer::Nobody => (String::new(), Vec::new()),
            Viewer::User { id, role, .. } => (id.to_string(), vec![role.as_str()]),
            Viewer::App { key, scopes } => (
                key.to_string(),
                scopes.iter().map(|scope| scope.as_str()).collect(),
            ),
            Viewer::Command => return None,
        };
        let CacheableQuery {
            document,
            operation,
            variables,
            users: _, // named in the document or its variables
            public_url,
        } = query;
        let parts = (who, may, document, operation, variables, public_url);
        Some(Key::new(CacheKind::Answers, &tags, &parts))
    }

    /// The cached response for `key`, or else the result of `execute`. Errors are not cached.
    ///
    /// # Errors
    /// Those of `execute`.
    pub async fn get_or_execute(
        &self,
        key: &Key,
        execute: impl Future<Output = Result<CachedResponse>> + Send,
    ) -> Result<Arc<CachedResponse>> {
        self.cache.get_or_compute(key, execute).await
    }

    /// The document of an automatic persisted query with the SHA-256 `hash`. If there is none, `document` is
    /// kept under it.
    pub async fn persisted_document(
        &self,
        hash: &str,
        document: Option<String>,
    ) -> Option<Arc<String>> {
        let key = Key::new(CacheKind::Documents, &[], &hash);
        let kept = self
            .cache
            .get_or_compute_weighed(&key, Some(String::len), async {
                document.ok_or(Error::Unavailable(String::new()))
            });
        // The error says that there is nothing to keep; nobody reads it.
        kept.await.ok()
    }

    /// Waits, up to a short time limit, until other servers see the invalidations of this one.
    pub async fn flush(&self) {
        self.cache.flush().await;
    }
}
