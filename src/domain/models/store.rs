//! Versions of models in the database.

use chrono::{DateTime, Utc};
use futures::FutureExt;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QuerySelect, Select, Statement,
};
use serde_json::Value;

use super::model::{ModelKind, ModelState, ModelVersion};
use super::promotions::ModelActivated;
use crate::foundation::page::Window;
use crate::foundation::{Error, Id, Result, id};
use crate::platform::db::entities::model_version::{Column, Entity, Model};
use crate::platform::db::keyset::{Order, ValueKind};
use crate::platform::db::{Db, stored};
use crate::platform::events;

/// What models compute: rows by `model_version_id`.
const COMPUTED: [&str; 3] = [
    "batch_recommendations",
    "content_embeddings",
    "model_artifacts",
];

/// So many bytes of an artifact are written and read at a time: the database holds 1 GB in one value,
/// and takes longest over one statement.
const PART: usize = 8 << 20;

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

    pub(super) async fn activate(
        &self,
        id: Id<id::Model>,
        metrics: Value,
        now: DateTime<Utc>,
    ) -> Result<()> {
        self.db
            .transaction(move |tx| {
                async move {
                    let model = Entity::find_by_id(id.uuid())
                        .lock_exclusive()
                        .one(tx)
                        .await?
                        .ok_or_else(|| anyhow::anyhow!("the trained model is gone"))?;
                    let retired =
                        of_kind(Some(model.kind.parse().map_err(stored("model_versions"))?))
                            .filter(Column::State.eq(ModelState::Active.as_str()))
                            .one(tx)
                            .await?;
                    if let Some(retired) = &retired {
                        set_state(tx, retired.id, ModelState::Retired).await?;
                    }
                    Entity::update_many()
                        .col_expr(Column::State, Expr::val(ModelState::Active.as_str()))
                        .col_expr(Column::ActivatedAt, Expr::val(now))
                        .col_expr(Column::Metrics, Expr::val(metrics))
                        .filter(Column::Id.eq(id.uuid()))
                        .exec(tx)
                        .await?;
                    events::append(tx, &[ModelActivated::new(id)]).await?;
                    // The one just retired keeps what it had computed, so that it can come back at
                    // once. Candidates keep theirs: another training may be under way.
                    let keep = retired.map_or(id.uuid(), |retired| retired.id);
                    for table in COMPUTED {
                        tx.execute_raw(Statement::from_sql_and_values(
                            DbBackend::Postgres,
                            format!(
                                "DELETE FROM {table} WHERE model_version_id IN (
                                    SELECT id FROM model_versions
                                     WHERE kind = $3 AND state = 'RETIRED' AND id NOT IN ($1, $2))"
                            ),
                            [id.uuid().into(), keep.into(), model.kind.clone().into()],
                        ))
                        .await?;
                    }
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    pub(super) async fn keep_artifact(
        &self,
        model: Id<id::Model>,
        bytes: Vec<u8>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        // Few bytes make one part too.
        let parts = bytes.len().div_ceil(PART).max(1);
        for (number, part) in (0..).zip((0..parts).map(|part| part * PART)) {
            let end = bytes.len().min(part + PART);
            sqlx::query(
                "INSERT INTO model_artifacts (model_version_id, part, bytes, created_at) \
                 VALUES ($1, $2, $3, $4)",
            )
            .bind(model.uuid())
            .bind::<i32>(number)
            .bind(&bytes[part..end])
            .bind(now)
            .execute(self.db.pool())
            .await?;
        }
        Ok(())
    }

    pub(super) async fn artifact(&self, model: Id<id::Model>) -> Result<Option<Vec<u8>>> {
        let mut whole: Option<Vec<u8>> = None;
        for number in 0_i32.. {
            // From where models are written: a replica may not have it yet.
            let part: Option<Vec<u8>> = sqlx::query_scalar(
                "SELECT bytes FROM model_artifacts WHERE model_version_id = $1 AND part = $2",
            )
            .bind(model.uuid())
            .bind(number)
            .fetch_optional(self.db.pool())
            .await?;
            let Some(mut part) = part else {
                break;
            };
            let last = part.len() < PART;
            match &mut whole {
                Some(whole) => whole.append(&mut part),
                None => whole = Some(part),
            }
            if last {
                break;
            }
        }
        Ok(whole)
    }

    pub(super) async fn discard(&self, id: Id<id::Model>) -> Result<()> {
        Entity::delete_many()
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::State.eq(ModelState::Candidate.as_str()))
            .exec(self.db.write())
            .await?;
        Ok(())
    }
}

fn of_kind(kind: Option<ModelKind>) -> Select<Entity> {
    let all = Entity::find();
    match kind {
        Some(kind) => all.filter(Column::Kind.eq(kind.as_str())),
        None => all,
    }
}

async fn set_state(tx: &impl ConnectionTrait, id: uuid::Uuid, state: ModelState) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::State, Expr::val(state.as_str()))
        .filter(Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
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
