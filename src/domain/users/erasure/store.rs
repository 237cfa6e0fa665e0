//! Removing everything of one user, in one transaction.

use chrono::{DateTime, Utc};
use futures::FutureExt;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QuerySelect, Statement,
};

use super::Removed;
use crate::domain::users::store::with_admins;
use crate::foundation::{Chance, Id, Result, id};
use crate::platform::db::Db;
use crate::platform::db::audit::{self, Deed};
use crate::platform::db::entities::user;

/// What goes, in this order, of the user `$1` and those that were merged into them. Every table that
/// refers to users is here; a test compares the list with the database.
const REMOVALS: &[(&str, &str)] = &[
    ("feedback", "DELETE FROM feedback WHERE user_id = ANY ($1)"),
    (
        "items of lists",
        "DELETE FROM recommendation_items WHERE list_id IN \
             (SELECT id FROM recommendation_lists WHERE user_id = ANY ($1))",
    ),
    (
        "lists",
        "DELETE FROM recommendation_lists WHERE user_id = ANY ($1)",
    ),
    (
        "stored lists",
        "DELETE FROM batch_recommendations WHERE user_id = ANY ($1)",
    ),
    (
        "interactions",
        "DELETE FROM interactions WHERE user_id = ANY ($1)",
    ),
    (
        "idempotency keys",
        "DELETE FROM idempotency_keys WHERE user_id = ANY ($1)",
    ),
    ("tags", "DELETE FROM content_tags WHERE user_id = ANY ($1)"),
    (
        "sessions",
        "DELETE FROM refresh_tokens WHERE user_id = ANY ($1)",
    ),
    (
        // The job that erases removes the files.
        "uploads",
        "DELETE FROM uploads WHERE owner_id = ANY ($1)",
    ),
    (
        // The erasure itself may be one that runs.
        "jobs that do not run",
        "DELETE FROM generation_jobs WHERE owner_id = ANY ($1) AND state <> 'RUNNING'",
    ),
    (
        "private items",
        "DELETE FROM content_items WHERE creator_id = ANY ($1) AND visibility = 'PRIVATE'",
    ),
    (
        "merged accounts",
        "DELETE FROM users WHERE id = ANY ($1) AND merged_into IS NOT NULL",
    ),
    ("accounts", "DELETE FROM users WHERE id = ANY ($1)"),
];

#[derive(Clone)]
pub(in crate::domain::users) struct Store {
    db: Db,
    chance: Chance,
}

impl Store {
    pub(in crate::domain::users) fn new(db: Db, chance: Chance) -> Self {
        Self { db, chance }
    }

    pub(in crate::domain::users) async fn erase(
        &self,
        id: Id<id::User>,
        now: DateTime<Utc>,
        deed: Deed,
        then: impl FnOnce(&Vec<Removed>) + Send + 'static,
    ) -> Result<Vec<Removed>> {
        let chance = self.chance.clone();
        self.db
            .transaction_then(then, move |tx| {
                async move {
                    // With the admins locked, so that two cannot go at once and leave none.
                    with_admins(tx, id, true).await?;
                    let merged: Vec<uuid::Uuid> = user::Entity::find()
                        .select_only()
                        .column(user::Column::Id)
                        .filter(user::Column::MergedInto.eq(id.uuid()))
                        .into_tuple()
                        .all(tx)
                        .await?;
                    let all: Vec<_> = merged.into_iter().chain([id.uuid()]).collect();
                    let mut removed = Vec::new();
                    for (what, sql) in REMOVALS {
                        let values = [all.clone().into()];
                        let statement =
                            Statement::from_sql_and_values(DbBackend::Postgres, *sql, values);
                        let rows = tx.execute_raw(statement).await?.rows_affected();
                        removed.push(Removed { what, rows });
                    }
                    audit::record(tx, deed, now, &chance).await?;
                    Ok(removed)
                }
                .boxed()
            })
            .await
    }
}
