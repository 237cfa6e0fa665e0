//! Trained models: type, queries and mutations.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_graphql::{ComplexObject, Context, InputObject, Object, Result, SimpleObject};

use crate::domain::models::{model as domain, sources};
use crate::foundation::page::Window;
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::connection::Connection;
use crate::graphql::enums::graphql_enum;
use crate::graphql::payload::{payload, payload_errors};
use crate::graphql::scalars::DateTime;
use crate::graphql::types::quality::{ModelMetrics, ModelSetting};

graphql_enum!(domain::ModelKind as ModelKind);
graphql_enum!(domain::ModelState as ModelState);

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

    /// Settings of the training. Visible to admins; null for everyone else.
    async fn settings(&self) -> Option<Vec<ModelSetting>> {
        ModelSetting::read(&self.0.settings)
    }

    /// Figures measured during the training, such as quality, data size and duration. Visible to admins; null
    /// for everyone else.
    async fn metrics(&self) -> Option<ModelMetrics> {
        ModelMetrics::read(&self.0.metrics)
    }

    /// Time when the training started.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// Time when the version was last activated; null if it never was.
    async fn activated_at(&self) -> Option<DateTime> {
        self.0.activated_at.map(DateTime)
    }

    /// Time when the training ended and the version was evaluated; null while it is in training, or if
    /// the training was stopped.
    async fn trained_at(&self) -> Option<DateTime> {
        self.0.trained_at.map(DateTime)
    }

    /// Whether the version can be activated: its training has ended and its stored model still exists.
    /// The settings `training.keep_versions` and, for the bandit, `slates.keep_versions` limit how many inactive versions
    /// of a kind exist.
    async fn can_be_activated(&self) -> bool {
        self.0.trained_at.is_some() && self.0.kept
    }

    /// The version of another kind that this one was trained with, for example the collaborative model of
    /// a ranking model. Both are activated together. Null if there is none.
    async fn trained_with(&self, ctx: &Context<'_>) -> Result<Option<Model>> {
        let Some(model) = self.0.trained_with else {
            return Ok(None);
        };
        let model = ctx.loaders().models.load_one(model).await?;
        Ok(model.map(Into::into))
    }

    /// Size of the stored model in bytes; null if it has no file.
    async fn artifact_bytes(&self) -> Option<f64> {
        let artifact = self.0.artifact.as_ref();
        artifact.map(|artifact| artifact.bytes as f64)
    }
}

graphql_enum!(sources::ModelOrigin as ModelOrigin);

/// Where this server read the model of a kind from, the last time.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct ModelSource {
    /// Kind of the model.
    kind: ModelKind,
    /// Where the model was read from.
    origin: ModelOrigin,
    /// What was wrong with the sources that come before this one, in English; null if nothing was.
    problem: Option<String>,
    /// Time when it was read.
    read_at: DateTime,
    #[graphql(skip)]
    version: Id<id::Model>,
}

#[ComplexObject]
impl ModelSource {
    /// The version that was to be read; null if it was deleted.
    async fn model(&self, ctx: &Context<'_>) -> Result<Option<Model>> {
        let model = ctx.loaders().models.load_one(self.version).await?;
        Ok(model.map(Into::into))
    }
}

impl From<sources::ModelSource> for ModelSource {
    fn from(source: sources::ModelSource) -> Self {
        Self {
            kind: source.kind.into(),
            origin: source.origin.into(),
            problem: source.problem,
            read_at: DateTime(source.read_at),
            version: source.model,
        }
    }
}

/// Two versions of models side by side.
#[derive(Clone, Debug, SimpleObject)]
pub struct ModelComparison {
    /// The first of the versions.
    first: Model,
    /// The second of the versions.
    second: Model,
    /// The settings that differ between them.
    settings: Vec<SettingDifference>,
}

/// A setting that differs between two versions of models.
#[derive(Clone, Debug, SimpleObject)]
pub struct SettingDifference {
    /// Path of the setting, for example `parts.0.weight`.
    name: String,
    /// Its value in the first version; null if it does not have the setting.
    first: Option<String>,
    /// Its value in the second version; null if it does not have the setting.
    second: Option<String>,
}

/// The settings that differ, by name.
fn differences(first: &serde_json::Value, second: &serde_json::Value) -> Vec<SettingDifference> {
    let read = |settings| ModelSetting::read(settings).unwrap_or_default();
    let mut sides: BTreeMap<String, (Option<String>, Option<String>)> = BTreeMap::new();
    for setting in read(first) {
        sides.entry(setting.name).or_default().0 = Some(setting.value);
    }
    for setting in read(second) {
        sides.entry(setting.name).or_default().1 = Some(setting.value);
    }
    let different = sides
        .into_iter()
        .filter(|(_, (first, second))| first != second);
    different
        .map(|(name, (first, second))| SettingDifference {
            name,
            first,
            second,
        })
        .collect()
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
    ) -> Result<Option<Connection<Model>>> {
        let window = Window::read(first, after, last, before)?;
        let (services, viewer) = (Arc::clone(ctx.services()), ctx.viewer());
        let kind = kind.map(Into::into);
        let page = services.models.list(viewer, kind, &window).await?;
        let total = move || {
            let services = Arc::clone(&services);
            async move { services.models.count(kind).await }
        };
        let cursor = |model: &Model| model.0.cursor();
        Ok(Some(Connection::new(page, cursor, total)))
    }

    /// Compares two versions of models: figures, and the settings that differ. Null if one of them does not exist.
    /// Requires the role ADMIN.
    #[graphql(complexity = "2 * child_complexity")]
    async fn compare_models(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the first version.")] first: Id<id::Model>,
        #[graphql(desc = "ID of the second version.")] second: Id<id::Model>,
    ) -> Result<Option<ModelComparison>> {
        ctx.viewer().admin()?;
        let loader = &ctx.loaders().models;
        let (Some(first), Some(second)) = (
            loader.load_one(first).await?,
            loader.load_one(second).await?,
        ) else {
            return Ok(None);
        };
        Ok(Some(ModelComparison {
            settings: differences(&first.settings, &second.settings),
            first: first.into(),
            second: second.into(),
        }))
    }

    /// Tells where this server read the model of each kind from, the last time. A kind that it has not needed since
    /// it started is not among them. Requires the role ADMIN.
    async fn model_sources(&self, ctx: &Context<'_>) -> Result<Option<Vec<ModelSource>>> {
        let sources = ctx.services().models.sources(ctx.viewer())?;
        Ok(Some(sources.into_iter().map(Into::into).collect()))
    }
}

/// The model version to activate.
#[derive(Clone, Debug, InputObject)]
pub struct ActivateModelInput {
    /// ID of the model version.
    id: Id<id::Model>,
}

/// The kind of model to roll back.
#[derive(Clone, Debug, InputObject)]
pub struct RollBackModelInput {
    /// Kind of the model.
    kind: ModelKind,
}

/// The model version to delete.
#[derive(Clone, Debug, InputObject)]
pub struct DiscardModelInput {
    /// ID of the model version. It must not be active.
    id: Id<id::Model>,
}

payload_errors! {
    /// Errors that `activateModel` may return.
    ActivateModelError: NotFound, Conflict
}

payload_errors! {
    /// Errors that `rollBackModel` may return.
    RollBackModelError: Conflict
}

payload_errors! {
    /// Errors that `discardModel` may return.
    DiscardModelError: NotFound, Conflict
}

payload! {
    /// Result of `activateModel`.
    ActivateModelPayload(ActivateModelError) {
        /// The version that is active now; null if there are errors.
        model: Option<Model>,
    }
}

payload! {
    /// Result of `rollBackModel`.
    RollBackModelPayload(RollBackModelError) {
        /// The version that is active now; null if there are errors.
        model: Option<Model>,
    }
}

payload! {
    /// Result of `discardModel`.
    DiscardModelPayload(DiscardModelError) {
        /// The version as it was before it was deleted; null if there are errors.
        model: Option<Model>,
    }
}

/// Mutations of models.
#[derive(Clone, Copy, Default)]
pub struct ModelMutation;

/// Mutations of models.
#[Object]
impl ModelMutation {
    /// Activates a trained model version, with the versions of other kinds that were trained with it.
    /// Every server uses it within about a second. Requires the role ADMIN.
    async fn activate_model(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The model version to activate.")] input: ActivateModelInput,
    ) -> Result<Option<ActivateModelPayload>> {
        let models = &ctx.services().models;
        let done = models.promote(ctx.viewer(), input.id).await;
        ctx.loaders().forget();
        ActivateModelPayload::settle(done)
    }

    /// Activates the version of a kind that preceded the active one. Repeat it to go further back. Requires
    /// the role ADMIN.
    async fn roll_back_model(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The kind of model to roll back.")] input: RollBackModelInput,
    ) -> Result<Option<RollBackModelPayload>> {
        let models = &ctx.services().models;
        let done = models.roll_back(ctx.viewer(), input.kind.into()).await;
        ctx.loaders().forget();
        RollBackModelPayload::settle(done)
    }

    /// Deletes a model version that is not active, with its stored model. Requires the role ADMIN.
    async fn discard_model(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The model version to delete.")] input: DiscardModelInput,
    ) -> Result<Option<DiscardModelPayload>> {
        let models = &ctx.services().models;
        let done = models.discard(ctx.viewer(), input.id).await;
        ctx.loaders().forget();
        DiscardModelPayload::settle(done)
    }
}
