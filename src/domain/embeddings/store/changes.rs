//! What changed among the vectors of a space, by the transactions that wrote it.
//!
//! A reader asks from the oldest transaction on that was still running at its last reading, and so
//! misses no late commit, whatever the clocks say; what it has seen already it may see again.

use sqlx::Row;
use uuid::Uuid;

use super::{EmbeddedItem, Store};
use crate::domain::embeddings::vectors::ChangeMarks;
use crate::foundation::{Id, Result, id};
use crate::platform::db::stored;

/// What changed in a space.
#[derive(Debug, Default)]
pub(in crate::domain::embeddings) struct VectorChanges {
    /// The vectors that were written, as they are now.
    pub written: Vec<EmbeddedItem>,
    /// The items that have no vector any more.
    pub removed: Vec<Id<id::Content>>,
    /// From which transaction on to ask the next time.
    pub next: u64,
}

/// One row at least, for the watermark; the rest is empty where nothing changed. All in one
/// statement, and so of one moment.
const CHANGES: &str = "
    SELECT mark.watermark, changed.content_id, changed.embedding
      FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS watermark) AS mark
      LEFT JOIN (
           SELECT content_id, embedding::real[] AS embedding
             FROM content_embeddings
            WHERE model_version_id = $1 AND changed_in >= $2::text::xid8
            UNION ALL
           SELECT r.content_id, NULL
             FROM removed_embeddings r
            WHERE r.model_version_id = $1 AND r.changed_in >= $2::text::xid8
              AND NOT EXISTS (SELECT FROM content_embeddings e
                               WHERE e.model_version_id = $1 AND e.content_id = r.content_id)
         ) AS changed ON true";

const MARKS: &str = "
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS watermark, count(*) AS changes,
           coalesce(max(changed_in::text::numeric), 0)::text AS last
      FROM (SELECT changed_in FROM content_embeddings
             WHERE model_version_id = $1 AND changed_in >= $2::text::xid8
             UNION ALL
            SELECT changed_in FROM removed_embeddings
             WHERE model_version_id = $1 AND changed_in >= $2::text::xid8) AS changed";

impl Store {
    /// From which transaction on changes may be missing to who reads all of a space after this.
    pub(in crate::domain::embeddings) async fn watermark(&self) -> Result<u64> {
        let read = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text";
        let watermark: String = sqlx::query_scalar(read).fetch_one(self.db.pool()).await?;
        number(&watermark)
    }

    /// What the transaction `since` and later ones changed in a space.
    pub(in crate::domain::embeddings) async fn changes(
        &self,
        model: Id<id::Model>,
        since: u64,
    ) -> Result<VectorChanges> {
        let rows = sqlx::query(CHANGES)
            .bind(model.uuid())
            .bind(since.to_string())
            .fetch_all(self.db.pool())
            .await?;
        let mut changes = VectorChanges {
            next: since,
            ..VectorChanges::default()
        };
        for row in &rows {
            changes.next = number(row.try_get("watermark")?)?;
            let Some(content) = row.try_get::<Option<Uuid>, _>("content_id")? else {
                continue;
            };
            match row.try_get::<Option<Vec<f32>>, _>("embedding")? {
                Some(vector) => changes.written.push((content.into(), vector)),
                None => changes.removed.push(content.into()),
            }
        }
        Ok(changes)
    }

    /// The marks of what the transaction `since` and later ones changed in a space, and from which
    /// transaction on to ask the next time.
    pub(in crate::domain::embeddings) async fn marks(
        &self,
        model: Id<id::Model>,
        since: u64,
    ) -> Result<(ChangeMarks, u64)> {
        let row = sqlx::query(MARKS)
            .bind(model.uuid())
            .bind(since.to_string())
            .fetch_one(self.db.pool())
            .await?;
        let last = number(row.try_get("last")?)?;
        let marks = (since, row.try_get("changes")?, last);
        Ok((marks, number(row.try_get("watermark")?)?))
    }
}

fn number(text: &str) -> Result<u64> {
    let number = text.parse();
    number.map_err(|_| stored("content_embeddings")(format!("the transaction `{text}`")))
}
