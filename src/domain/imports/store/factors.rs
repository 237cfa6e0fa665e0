//! Which items of the catalogue the ids of a table of factors are of.

use rustc_hash::{FxHashMap, FxHashSet};
use uuid::Uuid;

use super::Store;
use crate::foundation::Result;

/// The items of each id, by the id.
pub(in super::super) type Known = FxHashMap<String, Vec<Uuid>>;

impl Store {
    /// The items that are called by these ids in a source, deleted ones left out.
    pub(in super::super) async fn items_named(&self, source: &str, ids: &[&str]) -> Result<Known> {
        let rows: Vec<(String, Uuid)> = sqlx::query_as(
            "SELECT e.external_id, e.content_id FROM content_external_ids e \
               JOIN content_items c ON c.id = e.content_id AND c.deleted_at IS NULL \
              WHERE e.source = $1 AND e.external_id = ANY ($2)",
        )
        .bind(source)
        .bind(ids)
        .fetch_all(self.db.pool())
        .await?;
        let mut known = Known::default();
        for (id, item) in rows {
            known.entry(id).or_default().push(item);
        }
        Ok(known)
    }

    /// Those of these items that there are, deleted ones left out.
    pub(in super::super) async fn items_there(&self, ids: &[Uuid]) -> Result<FxHashSet<Uuid>> {
        let rows: Vec<Uuid> = sqlx::query_scalar(
            "SELECT id FROM content_items WHERE id = ANY ($1) AND deleted_at IS NULL",
        )
        .bind(ids)
        .fetch_all(self.db.pool())
        .await?;
        Ok(rows.into_iter().collect())
    }

    /// The sources that items were imported from, by name.
    pub(in super::super) async fn sources_of_items(&self) -> Result<Vec<String>> {
        let rows =
            sqlx::query_scalar("SELECT DISTINCT source FROM content_external_ids ORDER BY source")
                .fetch_all(self.db.pool())
                .await?;
        Ok(rows)
    }
}
