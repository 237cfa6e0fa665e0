//! Trained models: type and queries.

use std::sync::Arc;

use async_graphql::{Context, Enum, Json, Object, Result};
use chrono::{DateTime, Utc};

use crate::domain::models::model as domain;
use crate::foundation::page::Window;
use crate::graphql::ContextExt;
use crate::graphql::connection::Connection;

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::ModelKind")]
pub enum ModelKind {
    /// Weighs the signals of slates.
    Bandit,
    /// Knows what users with like taste took.
    Collaborative,
    /// Knows what content is about.
    Embedding,
    /// Predicts how many will watch.
    Audience,
    /// Knows what curators picked.
    Curator,
    /// Weighs the signals of lists: learned from what users took out of them.
    Ranker,
}

/// Whether a model is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::ModelState")]
pub enum ModelState {
    /// In training, or trained and not yet served.
    Candidate,
    /// The one of its kind that is served.
    Active,
    /// Was served.
    Retired,
}

/// One trained model.
#[derive(Clone, Debug)]
pub struct Model(pub Arc<domain::ModelVersion>);

impl From<domain::ModelVersion> for Model {
    fn from(model: domain::ModelVersion) -> Self {
        Self(Arc::new(model))
    }
}

/// One trained model.
#[Object]
impl Model {
    /// Opaque and unique.
    pub async fn id(&self) -> async_graphql::ID {
        self.0.id.into()
    }

    /// What it is for.
    async fn kind(&self) -> ModelKind {
        self.0.kind.into()
    }

    /// `major.minor.patch`; each training of a kind counts the minor number up.
    async fn version(&self) -> &str {
        &self.0.version
    }

    /// Whether it is served.
    async fn state(&self) -> ModelState {
        self.0.state.into()
    }

    /// How it was trained: `ials` and so on.
    async fn algorithm(&self) -> &str {
        &self.0.algorithm
    }

    /// What it was trained with; null for those who are no admins.
    async fn settings(&self) -> Option<Json<&serde_json::Value>> {
        non_empty(&self.0.settings)
    }

    /// What was measured at training: counts of users, items and pairs, and seconds; null for
    /// those who are no admins.
    async fn metrics(&self) -> Option<Json<&serde_json::Value>> {
        non_empty(&self.0.metrics)
    }

    /// When its training began.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it was last taken into service.
    async fn activated_at(&self) -> Option<DateTime<Utc>> {
        self.0.activated_at
    }
}

fn non_empty(object: &serde_json::Value) -> Option<Json<&serde_json::Value>> {
    (!object.is_null()).then_some(Json(object))
}

/// Queries about models.
#[derive(Clone, Copy, Default)]
pub struct ModelQuery;

/// Queries about models.
#[Object]
impl ModelQuery {
    /// The trained models, the newest first. For admins.
    #[graphql(
        complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * child_complexity"
    )]
    async fn models(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only of this kind.")] kind: Option<ModelKind>,
        #[graphql(desc = "So many from the start, 1 to 100; 20 where left out.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only those behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Model>> {
        let window = Window::read(first, after, last, before)?;
        let kind = kind.map(Into::into);
        let (services, viewer) = (Arc::clone(ctx.services()), ctx.viewer());
        let page = services.models.list(viewer, kind, &window).await?;
        let total = move || {
            let services = Arc::clone(&services);
            async move { services.models.count(kind).await }
        };
        let cursor = |model: &Model| model.0.cursor();
        Ok(Connection::new(page, cursor, total))
    }
}
