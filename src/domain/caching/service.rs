//! Figures of the cache, emptying it, and keeping whole answers.

use std::sync::Arc;

use serde::Serialize;

use super::model::{CacheKind, KeptAnswer, Key, Question, Statistics};
use crate::domain::Ground;
use crate::domain::auth::Viewer;
use crate::domain::models::ModelKind;
use crate::foundation::Result;
use crate::platform::cache::{Cache, Tag};

/// The cache of one schema.
#[derive(Clone)]
pub struct CachingService {
    cache: Cache,
    keeps_answers: bool,
}

impl CachingService {
    /// The cache of the schema that `ground` stands for.
    pub fn new(ground: &Ground) -> Self {
        Self {
            cache: ground.cache.clone(),
            keeps_answers: ground.settings.cache.answers,
        }
    }

    /// What the cache did since the start of this process, kind by kind. For admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Unauthenticated`], [`crate::foundation::Error::Forbidden`].
    pub async fn statistics(&self, viewer: &Viewer) -> Result<Vec<Statistics>> {
        viewer.admin()?;
        Ok(self.cache.statistics().await)
    }

    /// Whether Redis is there, without which everything goes on, slower; `None` if none is set up.
    pub fn redis_is_there(&self) -> Option<bool> {
        self.cache.redis_is_there()
    }

    /// Drops the values of this kind, or all, on every server. For admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Unauthenticated`], [`crate::foundation::Error::Forbidden`].
    pub async fn clear(&self, viewer: &Viewer, kind: Option<CacheKind>) -> Result<()> {
        viewer.admin()?;
        self.cache.clear(kind).await;
        tracing::info!(kind = kind.map(CacheKind::as_str), "The cache was cleared");
        Ok(())
    }

    /// Under which key the answer that `viewer` gets to `question` may be kept, for as long as a
    /// list is. It depends upon the catalogue, the models, the weights and what the viewer and the
    /// users named did; whoever asks must know that it depends upon nothing else. `None` where settings say no.
    pub fn key_of_answer(
        &self,
        viewer: &Viewer,
        question: &Question<'_, impl Serialize>,
    ) -> Option<Key> {
        if !self.keeps_answers {
            return None;
        }
        let mut tags = vec![Tag::Catalogue, Tag::Vectors, Tag::Weights];
        tags.extend(ModelKind::ALL.iter().map(|kind| Tag::Model(kind.as_str())));
        tags.extend(viewer.user().map(Tag::User));
        tags.extend(question.users.iter().copied().map(Tag::User));
        // A user's sessions share what they read; the role decides what that is.
        let (who, may) = match viewer {
            Viewer::Nobody => (String::new(), Vec::new()),
            Viewer::User { id, role, .. } => (id.to_string(), vec![role.as_str()]),
            Viewer::App { key, scopes } => (
                key.to_string(),
                scopes.iter().map(|scope| scope.as_str()).collect(),
            ),
            Viewer::Command => return None,
        };
        let Question {
            document,
            operation,
            variables,
            users: _, // named in the document or its variables
        } = question;
        let parts = (who, may, document, operation, variables);
        Some(Key::new(CacheKind::Answers, &tags, &parts))
    }

    /// The answer that is kept under `key`, or else what `execute` makes of it. What it fails with
    /// is not kept.
    ///
    /// # Errors
    /// Those of `execute`.
    pub async fn answer(
        &self,
        key: &Key,
        execute: impl Future<Output = Result<KeptAnswer>> + Send,
    ) -> Result<Arc<KeptAnswer>> {
        self.cache.get_or_compute(key, execute).await
    }

    /// Waits, for a moment at most, until other servers can see what this one has changed.
    pub async fn settled(&self) {
        self.cache.settled().await;
    }
}
