//! Activating versions, and removing what too many others had learned.

use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, FromQueryResult,
    QueryFilter, QueryOrder, QuerySelect, Statement,
};

use super::{Store, conflict, of_kind};
use crate::domain::models::model::{ModelKind, ModelState, ModelVersion};
use crate::domain::models::promotions::ModelActivated;
use crate::foundation::{Id, Refusal, Result, Rng, id};
use crate::platform::db::audit::{self, AuditEntry};
use crate::platform::db::entities::model_version::{Column, Entity, Model};
use crate::platform::db::stored;
use crate::platform::events;

/// What versions compute: rows by `model_version_id`.
const COMPUTED: [&str; 2] = ["batch_recommendations", "content_embeddings"];

/// A training that did not end within this time was stopped.
const STOPPED_AFTER: TimeDelta = TimeDelta::days(7);

/// Which version to activate.
#[derive(Clone, Copy, Debug)]
pub(in crate::domain::models) enum Which {
    /// This one.
    Version(Id<id::Model>),
    /// The one of this kind before the active one.
    Previous(ModelKind),
}

/// How many inactive versions of a kind are kept of each state.
#[derive(Clone, Copy, Debug)]
pub(in crate::domain::models) struct Keep {
    /// Of the bandit, whose versions are small and follow each other within hours.
    pub(in crate::domain::models) bandit: usize,
    /// Of any other kind.
    pub(in crate::domain::models) others: usize,
}

impl Keep {
    fn of(self, kind: ModelKind) -> usize {
        match kind {
            ModelKind::Bandit => self.bandit,
            _ => self.others,
        }
    }
}

impl Store {
    /// Makes a version the active one of its kind, with the versions of other kinds that were trained with
    /// it, and removes what too many others had learned. Returns the version, and those that lost their
    /// files.
    pub(in crate::domain::models) async fn activate(
        &self,
        which: Which,
        keep: Keep,
        now: DateTime<Utc>,
        entry: Option<(AuditEntry, Rng)>,
    ) -> Result<(ModelVersion, Vec<Id<id::Model>>)> {
        self.db
            .transaction(move |tx| {
                async move {
                    // Of two activations at once, the second finds what the first has made active.
                    tx.execute_raw(Statement::from_string(
                        DbBackend::Postgres,
                        "SELECT pg_advisory_xact_lock(hashtext('model_versions'), \
                                                      hashtext(current_schema()))",
                    ))
                    .await?;
                    let id = match which {
                        Which::Version(id) => id.uuid(),
                        Which::Previous(kind) => previous(tx, kind).await?,
                    };
                    let row = Entity::find_by_id(id).lock_exclusive().one(tx).await?;
                    let row = row.ok_or(Refusal::NotFound { thing: "model" })?;
                    servable(&row)?;
                    let kind = row.kind.parse().map_err(stored("model_versions"))?;
                    if row.state != ModelState::Active.as_str() {
                        replace(tx, kind, Some(id), now).await?;
                        partners(tx, kind, id, now).await?;
                    }
                    if let Some((mut entry, rng)) = entry {
                        entry.subject = Id::<id::Model>::from(id).to_string();
                        audit::record(tx, entry, now, &rng).await?;
                    }
                    let removed = prune(tx, kind, keep.of(kind), now).await?;
                    let active = Entity::find_by_id(id).one(tx).await?;
                    let active = active.ok_or(Refusal::NotFound { thing: "model" })?;
                    Ok((ModelVersion::try_from(active)?, removed))
                }
                .boxed()
            })
            .await
    }
}

/// Refuses a version that cannot be served.
fn servable(row: &Model) -> Result<()> {
    if row.trained_at.is_none() {
        return Err(conflict("the training of this version has not ended"));
    }
    if !row.kept {
        return Err(conflict(
            "what this version had learned was removed, so it cannot be served; train a new one",
        ));
    }
    Ok(())
}

/// The newest version of a kind that is older than the active one, was active and can be again: whoever rolls
/// back twice does not come back to the first.
async fn previous(tx: &DatabaseTransaction, kind: ModelKind) -> Result<uuid::Uuid> {
    let statement = Statement::from_sql_and_values(
        DbBackend::Postgres,
        format!(
            "SELECT id FROM model_versions \
              WHERE kind = $1 AND state = 'RETIRED' AND kept \
                AND {NUMBER} < ALL (SELECT {NUMBER} FROM model_versions \
                                     WHERE kind = $1 AND state = 'ACTIVE') \
              ORDER BY {NUMBER} DESC LIMIT 1"
        ),
        [kind.as_str().into()],
    );
    let row = IdRow::find_by_statement(statement).one(tx).await?;
    let none = || conflict("there is no earlier version of this kind that is kept");
    Ok(row.ok_or_else(none)?.id)
}

/// The version as numbers, which are in the order of the trainings.
const NUMBER: &str = "string_to_array(version, '.')::integer[]";

#[derive(FromQueryResult)]
struct IdRow {
    id: uuid::Uuid,
}

/// Retires the active version of a kind and activates `next`, if there is one.
async fn replace(
    tx: &DatabaseTransaction,
    kind: ModelKind,
    next: Option<uuid::Uuid>,
    now: DateTime<Utc>,
) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::State, Expr::val(ModelState::Retired.as_str()))
        .filter(Column::Kind.eq(kind.as_str()))
        .filter(Column::State.eq(ModelState::Active.as_str()))
        .exec(tx)
        .await?;
    if let Some(next) = next {
        Entity::update_many()
            .col_expr(Column::State, Expr::val(ModelState::Active.as_str()))
            .col_expr(Column::ActivatedAt, Expr::val(now))
            .filter(Column::Id.eq(next))
            .exec(tx)
            .await?;
        events::append(tx, &[ModelActivated::new(next.into())]).await?;
    }
    Ok(())
}

/// Activates the newest versions that were trained with `id`, and retires those that were trained with
/// another version of its kind. Those that were trained with a version of another kind, or with none, stay.
async fn partners(
    tx: &DatabaseTransaction,
    kind: ModelKind,
    id: uuid::Uuid,
    now: DateTime<Utc>,
) -> Result<()> {
    for other in ModelKind::ALL.iter().filter(|other| **other != kind) {
        let partner = of_kind(Some(*other))
            .filter(Column::TrainedWith.eq(id))
            .filter(Column::TrainedAt.is_not_null())
            .filter(Column::Kept.eq(true))
            .order_by_desc(Column::Id)
            .one(tx)
            .await?;
        let active = of_kind(Some(*other))
            .filter(Column::State.eq(ModelState::Active.as_str()))
            .one(tx)
            .await?;
        let trained_with = active.and_then(|active| active.trained_with);
        let is_bound = match trained_with {
            Some(version) => {
                let version = of_kind(Some(kind)).filter(Column::Id.eq(version));
                version.one(tx).await?.is_some()
            }
            None => false,
        };
        if partner.is_some() || is_bound {
            replace(tx, *other, partner.map(|partner| partner.id), now).await?;
        }
    }
    Ok(())
}

/// Removes what versions of a kind had learned: of those that were active all but the last `keep`, of trained
/// candidates likewise, and of trainings that were stopped. Their entries stay. The stored lists of users are
/// large and soon old: only the active version and the one before it keep them. Returns the versions that
/// lost their files.
async fn prune(
    tx: &DatabaseTransaction,
    kind: ModelKind,
    keep: usize,
    now: DateTime<Utc>,
) -> Result<Vec<Id<id::Model>>> {
    let statement = Statement::from_sql_and_values(
        DbBackend::Postgres,
        format!(
            "UPDATE model_versions SET kept = false WHERE kept AND id IN ( \
             SELECT id FROM ( \
                 SELECT id, row_number() OVER (PARTITION BY state \
                            ORDER BY coalesce(activated_at, trained_at) DESC, {NUMBER} DESC) AS place \
                   FROM model_versions \
                  WHERE kind = $1 AND kept AND state <> 'ACTIVE' AND trained_at IS NOT NULL) AS others \
              WHERE place > $2 \
             UNION ALL \
             SELECT id FROM model_versions \
              WHERE kind = $1 AND state = 'CANDIDATE' AND trained_at IS NULL \
                AND created_at < $3) \
         RETURNING id"
        ),
        [
            kind.as_str().into(),
            (keep as i64).into(),
            (now - STOPPED_AFTER).into(),
        ],
    );
    let removed = IdRow::find_by_statement(statement).all(tx).await?;
    let removed: Vec<uuid::Uuid> = removed.into_iter().map(|row| row.id).collect();
    for table in COMPUTED {
        tx.execute_raw(Statement::from_sql_and_values(
            DbBackend::Postgres,
            format!("DELETE FROM {table} WHERE model_version_id = ANY ($1)"),
            [removed.clone().into()],
        ))
        .await?;
    }
    tx.execute_raw(Statement::from_sql_and_values(
        DbBackend::Postgres,
        format!(
            "DELETE FROM batch_recommendations WHERE model_version_id IN ( \
             SELECT id FROM model_versions \
              WHERE kind = $1 AND state = 'RETIRED' \
              ORDER BY activated_at DESC, {NUMBER} DESC OFFSET 1)"
        ),
        [kind.as_str().into()],
    ))
    .await?;
    Ok(removed.into_iter().map(Into::into).collect())
}
