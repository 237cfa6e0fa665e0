//! Interactions in the order in which they were recorded.

use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::Store;
use crate::domain::interactions::model::{Attribution, Interaction};
use crate::foundation::Result;
use crate::platform::db::snapshot::{NoSnapshot, Snapshot, numbers};
use crate::platform::db::stored;

/// An interaction, and the transaction that recorded it.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::domain::interactions) struct RecordedRow {
    pub interaction: Interaction,
    pub transaction: u64,
}

impl RecordedRow {
    /// What orders the rows that two snapshots differ by.
    pub fn position(&self) -> (u64, Uuid) {
        (self.transaction, self.interaction.id.uuid())
    }
}

/// What one snapshot contains and another does not, in two ranges of the index `interactions_recorded`: what the
/// transactions recorded that were open in the earlier one, and what later ones did. However long a
/// transaction was open, no row is looked at that is not answered, but those of the ones that are still open.
const BETWEEN: &str = "
    SELECT id, user_id, content_id, kind, value, occurred_at, list_id, list_rank,
           recorded_in::text AS writer
      FROM ((SELECT * FROM interactions
              WHERE recorded_in IS NOT NULL AND recorded_in = ANY ($1::text[]::xid8[])
                AND (recorded_in, id) > ($2::text::xid8, $3)
              ORDER BY recorded_in, id LIMIT $4)
            UNION ALL
            (SELECT * FROM interactions
              WHERE recorded_in IS NOT NULL
                AND (recorded_in, id) > ($5::text::xid8, $6) AND recorded_in < $7::text::xid8
                AND recorded_in <> ALL ($8::text[]::xid8[])
              ORDER BY recorded_in, id LIMIT $4)) AS recorded
     ORDER BY recorded.recorded_in, id LIMIT $4";

impl Store {
    /// What has been committed by now. A replica may not have all of it yet.
    pub(in crate::domain::interactions) async fn snapshot(&self) -> Result<Snapshot> {
        let read = "SELECT pg_current_snapshot()::text";
        let snapshot: String = sqlx::query_scalar(read).fetch_one(self.db.pool()).await?;
        snapshot
            .parse()
            .map_err(|error: NoSnapshot| stored("a snapshot")(error.to_string()))
    }

    /// What was recorded between two snapshots, by its [position](RecordedRow::position): at most `most`
    /// rows behind `after`. What an import brought is not among it.
    pub(in crate::domain::interactions) async fn recorded_between(
        &self,
        (earlier, later): (&Snapshot, &Snapshot),
        after: Option<(u64, Uuid)>,
        most: usize,
    ) -> Result<Vec<RecordedRow>> {
        let (transaction, id) = after.unwrap_or_default();
        // One bound and not two: an index scan begins at only one of them.
        let before = (earlier.next().saturating_sub(1), Uuid::max());
        let (least, least_id) = before.max((transaction, id));
        let still_open = later.open().iter().copied();
        let still_open: Vec<u64> = still_open.filter(|open| *open >= earlier.next()).collect();
        let rows = sqlx::query(BETWEEN)
            .bind(numbers(&later.ended_since(earlier)))
            .bind(transaction.to_string())
            .bind(id)
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .bind(least.to_string())
            .bind(least_id)
            .bind(later.next().to_string())
            .bind(numbers(&still_open))
            .fetch_all(self.db.pool())
            .await?;
        rows.iter().map(recorded).collect()
    }
}

fn recorded(row: &PgRow) -> Result<RecordedRow> {
    let kind: &str = row.try_get("kind")?;
    let list: Option<Uuid> = row.try_get("list_id")?;
    let attribution = list.zip(row.try_get("list_rank")?);
    let transaction: &str = row.try_get("writer")?;
    Ok(RecordedRow {
        interaction: Interaction {
            id: row.try_get::<Uuid, _>("id")?.into(),
            user: row.try_get::<Uuid, _>("user_id")?.into(),
            content: row.try_get::<Uuid, _>("content_id")?.into(),
            kind: kind.parse().map_err(stored("interactions"))?,
            value: row.try_get("value")?,
            occurred_at: row.try_get("occurred_at")?,
            attribution: attribution.map(|(list, rank)| Attribution {
                list: list.into(),
                rank,
            }),
        },
        transaction: transaction
            .parse()
            .map_err(|_| stored("interactions")(format!("the transaction `{transaction}`")))?,
    })
}
