//! The versions of the table of weights.

use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter};

use super::Store;
use crate::domain::interactions::weights::{WeightRow, WeightTable, no_such_version};
use crate::foundation::{Refusal, Result};
use crate::platform::db::entities::interaction_weight::{Column, Entity, Model};
use crate::platform::db::stored;

impl Store {
    /// The table of this version; of the newest where none is given.
    pub(in crate::domain::interactions) async fn weights(
        &self,
        version: Option<i32>,
    ) -> Result<Option<WeightTable>> {
        // From where it is written: a replica may not know the version that was just announced.
        read(self.db.write(), version).await
    }

    /// Writes the version after the newest; `change` makes its rows from the newest.
    pub(in crate::domain::interactions) async fn next_weights(
        &self,
        now: DateTime<Utc>,
        change: impl FnOnce(&WeightTable) -> Result<Vec<WeightRow>, Refusal> + Send + 'static,
    ) -> Result<WeightTable> {
        self.db
            .transaction(move |tx| {
                async move {
                    // Readers go on; a second writer waits, then builds upon what the first wrote.
                    tx.execute_unprepared(
                        "LOCK TABLE interaction_weights IN SHARE ROW EXCLUSIVE MODE",
                    )
                    .await?;
                    let present = read(tx, None).await?.ok_or_else(no_such_version)?;
                    let next = WeightTable::new(present.version + 1, now, change(&present)?)?;
                    Entity::insert_many(next.rows().iter().map(|row| {
                        Model {
                            version: next.version,
                            kind: row.kind.as_str().to_owned(),
                            weight: row.weight,
                            half_life_seconds: seconds(row.half_life),
                            exclude_for_seconds: row.exclude_for.map(seconds),
                            created_at: next.created_at,
                        }
                        .into_active_model()
                    }))
                    .exec_without_returning(tx)
                    .await?;
                    Ok(next)
                }
                .boxed()
            })
            .await
    }
}

async fn read(
    connection: &impl ConnectionTrait,
    version: Option<i32>,
) -> Result<Option<WeightTable>> {
    let wanted = match version {
        Some(version) => Column::Version.eq(version),
        None => Column::Version.in_subquery(
            Query::select()
                .expr(Expr::col(Column::Version).max())
                .from(Entity)
                .to_owned(),
        ),
    };
    let rows = Entity::find().filter(wanted).all(connection).await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let (version, created_at) = (first.version, first.created_at);
    let rows = rows.into_iter().map(|row| {
        Ok(WeightRow {
            kind: row.kind.parse().map_err(stored("interaction_weights"))?,
            weight: row.weight,
            half_life: TimeDelta::seconds(row.half_life_seconds.into()),
            exclude_for: row
                .exclude_for_seconds
                .map(|seconds| TimeDelta::seconds(seconds.into())),
        })
    });
    let rows: Result<Vec<WeightRow>> = rows.collect();
    Ok(Some(WeightTable::new(version, created_at, rows?)?))
}

/// As the column holds it; the service refused what it cannot hold.
fn seconds(span: TimeDelta) -> i32 {
    i32::try_from(span.num_seconds()).unwrap_or(i32::MAX)
}
