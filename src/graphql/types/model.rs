//! Trained models: type and queries.

use std::sync::Arc;

use async_graphql::{Context, Enum, Json, Object, Result};
use chrono::{DateTime, Utc};

use crate::domain::models::model as domain;
use crate::foundation::page::Window;
use crate::graphql::ContextExt;
use crate::graphql::connection::Connection;

/// Kind of a trained model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::ModelKind")]
pub enum ModelKind {
    /// Bandit that weights the signals of slates.
    Bandit,
    /// Collaborative filtering model, trained on the interactions of all users.
    Collaborative,
    /// Embedding model, which represents the meaning of content items as vectors.
    Embedding,
    /// Model that predicts the audience of a broadcast.
    Audience,
    /// Model of the choices of curators.
    Curator,
    /// Learned ranking model, which weights the sources of recommendation lists.
    Ranker,
}

/// State of a model version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::ModelState")]
pub enum ModelState {
    /// In training, or trained but not active.
    Candidate,
    /// The active version of its kind, used for recommendations.
    Active,
    /// Active in the past, but replaced by another version.
    Retired,
}

/// A version of a trained model.
#[derive(Clone, Debug)]
pub struct Model(pub Arc<domain::ModelVersion>);

impl From<domain::ModelVersion> for Model {
    fn from(model: domain::ModelVersion) -> Self {
        Self(Arc::new(model))
    }
}

/// A version of a trained model.
#[Object]
impl Model {
    /// Opaque, globally unique ID.
    pub async fn id(&self) -> async_graphql::ID {
        self.0.id.into()
    }

    /// Kind of the model.
    async fn kind(&self) -> ModelKind {
        self.0.kind.into()
    }

    /// Version number `major.minor.patch`. Each training of a kind increases the minor number.
    async fn version(&self) -> &str {
        &self.0.version
    }

    /// State of the model version.
    async fn state(&self) -> ModelState {
        self.0.state.into()
    }

    /// Name of the training algorithm, for example `ials`.
    async fn algorithm(&self) -> &str {
        &self.0.algorithm
    }

    /// Settings of the training, as a JSON object. Visible to admins; null for everyone else.
    async fn settings(&self) -> Option<Json<&serde_json::Value>> {
        non_empty(&self.0.settings)
    }

    /// Metrics measured during training, as a JSON object, such as quality, data size and duration.
    /// Visible to admins; null for everyone else.
    async fn metrics(&self) -> Option<Json<&serde_json::Value>> {
        non_empty(&self.0.metrics)
    }

    /// Time when the training started.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// Time when the version was last activated; null if it never was.
    async fn activated_at(&self) -> Option<DateTime<Utc>> {
        self.0.activated_at
    }
}

fn non_empty(object: &serde_json::Value) -> Option<Json<&serde_json::Value>> {
    (!object.is_null()).then_some(Json(object))
}

/// Queries of models.
#[derive(Clone, Copy, Default)]
pub struct ModelQuery;

/// Queries of models.
#[Object]
impl ModelQuery {
    /// Lists all model versions, newest first. Requires the role ADMIN.
    #[graphql(
        complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * child_complexity"
    )]
    async fn models(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Kind of the models to return (default: all kinds).")] kind: Option<
            ModelKind,
        >,
        #[graphql(
            desc = "Number of models to return from the start of the list, 1–100 (default 20). Not allowed together with `last` or `before`."
        )]
        first: Option<i32>,
        #[graphql(
            desc = "Return the models after this cursor, from `edges.cursor` or `pageInfo.endCursor`."
        )]
        after: Option<String>,
        #[graphql(
            desc = "Number of models to return from the end of the list, 1–100 (default 20 if `before` is given)."
        )]
        last: Option<i32>,
        #[graphql(
            desc = "Return the models before this cursor, from `edges.cursor` or `pageInfo.startCursor`."
        )]
        before: Option<String>,
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
