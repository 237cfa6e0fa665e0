//! Removing everything of one user, in one transaction.

use chrono::{DateTime, Utc};
use futures::FutureExt;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QueryResult, QuerySelect, Statement,
};
use serde_json::json;

use super::{Details, ERASE, Erased, Removed};
use crate::domain::auth::Subject;
use crate::domain::users::store::with_admins;
use crate::foundation::{Id, Result, Rng, id};
use crate::platform::db::audit::{self, AuditEntry};
use crate::platform::db::entities::{audit_entry, user};
use crate::platform::db::{Db, stored};
use crate::platform::events;

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
        // One that runs is lost to its worker, who drops it. The erasure itself may be one that
        // runs: it stays, as the receipt.
        "jobs",
        "DELETE FROM generation_jobs \
          WHERE owner_id = ANY ($1) AND (state <> 'RUNNING' OR kind <> 'ERASURE')",
    ),
    (
        // What was selected stays, without who selected it: channels have programmed it.
        "selections",
        "UPDATE slate_selections SET curator_id = NULL WHERE curator_id = ANY ($1)",
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

/// The files of what goes: each read before the rows that name them are removed.
const FILES: &str = "SELECT DISTINCT object AS name FROM generated \
      JOIN content_items ON content_items.id = content_id \
     WHERE creator_id = ANY ($1) AND visibility = 'PRIVATE' ORDER BY 1";
const UPLOADS: &str = "SELECT id FROM uploads WHERE owner_id = ANY ($1) ORDER BY 1";

#[derive(Clone)]
pub(in crate::domain::users) struct Store {
    db: Db,
    rng: Rng,
}

impl Store {
    pub(in crate::domain::users) fn new(db: Db, rng: Rng) -> Self {
        Self { db, rng }
    }

    pub(in crate::domain::users) async fn erase(
        &self,
        id: Id<id::User>,
        now: DateTime<Utc>,
        mut entry: AuditEntry,
        then: impl FnOnce(&Erased) + Send + 'static,
    ) -> Result<Erased> {
        let rng = self.rng.clone();
        self.db
            .transaction_then(then, move |tx| {
                async move {
                    // With the admins locked, so that two cannot go at once and leave none.
                    with_admins(tx, id, true).await?;
                    events::append(tx, &[Subject::User(id)]).await?;
                    let merged: Vec<uuid::Uuid> = user::Entity::find()
                        .select_only()
                        .column(user::Column::Id)
                        .filter(user::Column::MergedInto.eq(id.uuid()))
                        .into_tuple()
                        .all(tx)
                        .await?;
                    let all: Vec<_> = merged.into_iter().chain([id.uuid()]).collect();
                    let statement = |sql: &str| {
                        let values = [all.clone().into()];
                        Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
                    };
                    let files = tx.query_all_raw(statement(FILES)).await?;
                    let uploads = tx.query_all_raw(statement(UPLOADS)).await?;
                    let mut details = Details {
                        files: column(&files, "name")?,
                        uploads: column::<uuid::Uuid>(&uploads, "id")?
                            .into_iter()
                            .map(Into::into)
                            .collect(),
                        removed: Vec::with_capacity(REMOVALS.len()),
                    };
                    for (what, sql) in REMOVALS {
                        let rows = tx.execute_raw(statement(sql)).await?.rows_affected();
                        let what = (*what).to_owned();
                        details.removed.push(Removed { what, rows });
                    }
                    entry.details = json!(details);
                    let receipt = audit::record(tx, entry, now, &rng).await?;
                    Ok(Erased::new(id, receipt, now, details))
                }
                .boxed()
            })
            .await
    }

    /// The latest erasure of this user that took effect.
    pub(in crate::domain::users) async fn erased(
        &self,
        id: Id<id::User>,
    ) -> Result<Option<Erased>> {
        let entry = audit_entry::Entity::find()
            .filter(audit_entry::Column::Subject.eq(id.to_string()))
            .filter(audit_entry::Column::Action.eq(ERASE))
            .order_by_desc(audit_entry::Column::Id)
            .one(self.db.write())
            .await?;
        let Some(entry) = entry else {
            return Ok(None);
        };
        let details = serde_json::from_value(entry.details);
        let details = details.map_err(|error| stored("audit_log")(error.to_string()))?;
        let erased = Erased::new(id, entry.id.into(), entry.at, details);
        Ok(Some(erased))
    }

    /// Leaves the files out of the entry of an erasure.
    pub(in crate::domain::users) async fn forget_files(
        &self,
        entry: Id<id::AuditEntry>,
    ) -> Result<()> {
        self.db
            .write()
            .execute_raw(Statement::from_sql_and_values(
                DbBackend::Postgres,
                "UPDATE audit_log SET details = details - 'files' - 'uploads' WHERE id = $1",
                [entry.uuid().into()],
            ))
            .await?;
        Ok(())
    }
}

/// One column of these rows.
fn column<T: sea_orm::TryGetable>(rows: &[QueryResult], name: &str) -> Result<Vec<T>, DbErr> {
    rows.iter().map(|row| row.try_get("", name)).collect()
}
