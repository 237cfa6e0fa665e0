//! Versions of models in the database.

use chrono::{DateTime, Utc};
use futures::FutureExt;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QuerySelect, Select, Statement,
};
use serde_json::Value;

use super::model::{Artifact, ModelKind, ModelState, ModelVersion};
use crate::foundation::page::Window;
use crate::foundation::{Error, Id, Refusal, Result, Rng, id};
use crate::platform::db::audit::{self, AuditEntry};
use crate::platform::db::entities::model_version::{Column, Entity, Model};
use crate::platform::db::keyset::{Order, ValueKind};
use crate::platform::db::{Db, stored};

mod activation;

pub(super) use activation::{Keep, Which};

#[derive(Clone)]
pub(super) struct Store {
    db: Db,
}

impl Store {
    pub(super) fn new(db: Db) -> Self {
        Self { db }
    }

    pub(super) async fn find_many(&self, ids: &[Id<id::Model>]) -> Result<Vec<ModelVersion>> {
        let rows = Entity::find()
            .filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())))
            .all(self.db.read())
            .await?;
        rows.into_iter().map(ModelVersion::try_from).collect()
    }

    pub(super) async fn list(
        &self,
        kind: Option<ModelKind>,
        window: &Window,
    ) -> Result<Vec<ModelVersion>> {
        let order = Order::by("id", Column::Id, Column::Id, ValueKind::Id, false);
        let rows = order
            .apply(of_kind(kind), window)?
            .all(self.db.read())
            .await?;
        rows.into_iter().map(ModelVersion::try_from).collect()
    }

    pub(super) async fn count(&self, kind: Option<ModelKind>) -> Result<u64> {
        Ok(of_kind(kind).count(self.db.read()).await?)
    }

    pub(super) async fn active(&self, kind: ModelKind) -> Result<Option<ModelVersion>> {
        let row = of_kind(Some(kind))
            .filter(Column::State.eq(ModelState::Active.as_str()))
            .one(self.db.write())
            .await?;
        row.map(ModelVersion::try_from).transpose()
    }

    /// The models that are served, of all kinds.
    pub(super) async fn all_active(&self) -> Result<Vec<ModelVersion>> {
        let rows = Entity::find()
            .filter(Column::State.eq(ModelState::Active.as_str()))
            .all(self.db.write())
            .await?;
        rows.into_iter().map(ModelVersion::try_from).collect()
    }

    pub(super) async fn insert_next(&self, mut model: ModelVersion) -> Result<ModelVersion> {
        self.db
            .transaction(move |tx| {
                async move {
                    // Two trainings that begin at once get different numbers.
                    tx.execute_raw(Statement::from_sql_and_values(
                        DbBackend::Postgres,
                        "SELECT pg_advisory_xact_lock(hashtext('model_versions'), hashtext($1))",
                        [model.kind.as_str().into()],
                    ))
                    .await?;
                    let versions: Vec<String> = of_kind(Some(model.kind))
                        .select_only()
                        .column(Column::Version)
                        .into_tuple()
                        .all(tx)
                        .await?;
                    model.version = next(&versions);
                    Entity::insert(row(model.clone()).into_active_model())
                        .exec_without_returning(tx)
                        .await?;
                    Ok(model)
                }
                .boxed()
            })
            .await
    }

    /// Notes the file of a version.
    pub(super) async fn set_artifact(&self, id: Id<id::Model>, artifact: &Artifact) -> Result<()> {
        let bytes = i64::try_from(artifact.bytes).unwrap_or(i64::MAX);
        Entity::update_many()
            .col_expr(Column::ArtifactBytes, Expr::val(bytes))
            .col_expr(Column::ArtifactSha256, Expr::val(artifact.sha256.clone()))
            .filter(Column::Id.eq(id.uuid()))
            .exec(self.db.write())
            .await?;
        Ok(())
    }

    /// The version as it is now; a replica may not have it yet.
    pub(super) async fn find(&self, id: Id<id::Model>) -> Result<Option<ModelVersion>> {
        let row = Entity::find_by_id(id.uuid()).one(self.db.write()).await?;
        row.map(ModelVersion::try_from).transpose()
    }

    /// Ends a training: from now on the version can be served, if it is `kept`.
    pub(super) async fn finish(
        &self,
        id: Id<id::Model>,
        metrics: Value,
        kept: bool,
        now: DateTime<Utc>,
    ) -> Result<()> {
        Entity::update_many()
            .col_expr(Column::Metrics, Expr::val(metrics))
            .col_expr(Column::TrainedAt, Expr::val(now))
            .col_expr(Column::Kept, Expr::val(kept))
            .filter(Column::Id.eq(id.uuid()))
            .exec(self.db.write())
            .await?;
        Ok(())
    }

    /// Removes a version that is not active, with all that it had learned. Returns it, if it was there.
    pub(super) async fn discard(
        &self,
        id: Id<id::Model>,
        now: DateTime<Utc>,
        entry: Option<(AuditEntry, Rng)>,
    ) -> Result<Option<ModelVersion>> {
        self.db
            .transaction(move |tx| {
                async move {
                    let row = Entity::find_by_id(id.uuid())
                        .lock_exclusive()
                        .one(tx)
                        .await?;
                    let Some(row) = row else {
                        return Ok(None);
                    };
                    if row.state == ModelState::Active.as_str() {
                        return Err(conflict(
                            "the version is active; activate another of its kind first",
                        ));
                    }
                    Entity::delete_by_id(id.uuid()).exec(tx).await?;
                    if let Some((entry, rng)) = entry {
                        audit::record(tx, entry, now, &rng).await?;
                    }
                    ModelVersion::try_from(row).map(Some)
                }
                .boxed()
            })
            .await
    }

    /// Removes all versions of a kind, and answers which there were.
    pub(super) async fn discard_all(
        &self,
        kind: ModelKind,
        now: DateTime<Utc>,
        (entry, rng): (AuditEntry, Rng),
    ) -> Result<Vec<Id<id::Model>>> {
        self.db
            .transaction(move |tx| {
                async move {
                    let ids: Vec<uuid::Uuid> = of_kind(Some(kind))
                        .select_only()
                        .column(Column::Id)
                        .into_tuple()
                        .all(tx)
                        .await?;
                    Entity::delete_many()
                        .filter(Column::Kind.eq(kind.as_str()))
                        .exec(tx)
                        .await?;
                    audit::record(tx, entry, now, &rng).await?;
                    Ok(ids.into_iter().map(Into::into).collect())
                }
                .boxed()
            })
            .await
    }
}

fn conflict(message: &str) -> Error {
    Refusal::Conflict {
        message: message.to_owned(),
    }
    .into()
}

fn of_kind(kind: Option<ModelKind>) -> Select<Entity> {
    let all = Entity::find();
    match kind {
        Some(kind) => all.filter(Column::Kind.eq(kind.as_str())),
        None => all,
    }
}

/// The version after the latest of `versions`: the minor number counts trainings.
fn next(versions: &[String]) -> String {
    let parts = |version: &String| -> Option<(u64, u64)> {
        let mut numbers = version.split('.').map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    };
    match versions.iter().filter_map(parts).max() {
        Some((major, minor)) => format!("{major}.{}.0", minor + 1),
        None => "1.0.0".to_owned(),
    }
}

impl TryFrom<Model> for ModelVersion {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self> {
        Ok(Self {
            id: row.id.into(),
            kind: row.kind.parse().map_err(stored("model_versions"))?,
            version: row.version,
            state: row.state.parse().map_err(stored("model_versions"))?,
            algorithm: row.algorithm,
            settings: row.settings,
            metrics: row.metrics,
            created_at: row.created_at,
            activated_at: row.activated_at,
            trained_at: row.trained_at,
            kept: row.kept,
            trained_with: row.trained_with.map(Into::into),
            artifact: row
                .artifact_bytes
                .zip(row.artifact_sha256)
                .map(|(bytes, sha256)| Artifact {
                    bytes: u64::try_from(bytes).unwrap_or_default(),
                    sha256,
                }),
        })
    }
}

fn row(model: ModelVersion) -> Model {
    Model {
        id: model.id.uuid(),
        kind: model.kind.as_str().to_owned(),
        version: model.version,
        state: model.state.as_str().to_owned(),
        algorithm: model.algorithm,
        settings: model.settings,
        metrics: model.metrics,
        created_at: model.created_at,
        activated_at: model.activated_at,
        trained_at: model.trained_at,
        kept: model.kept,
        trained_with: model.trained_with.map(Id::uuid),
        // Noted when it is written.
        artifact_bytes: None,
        artifact_sha256: None,
    }
}

#[cfg(test)]
mod tests {
    use super::next;

    #[test]
    fn a_training_counts_the_minor_number_up() {
        assert_eq!(next(&[]), "1.0.0");
        let versions = ["1.9.0", "1.10.0", "0.99.3"].map(str::to_owned);
        assert_eq!(next(&versions), "1.11.0");
    }
}
