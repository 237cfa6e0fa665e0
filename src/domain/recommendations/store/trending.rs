//! What was taken in two stretches of time, in the database.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::FromQueryResult;
use uuid::Uuid;

use super::{MOST_WEIGHT, Store, sql};
use crate::domain::interactions::WeightTable;
use crate::foundation::{Id, Result, id};

/// What users did to an item, weighed.
#[derive(Clone, Copy, Debug)]
pub(in crate::domain::recommendations) struct Rise {
    pub(in crate::domain::recommendations) content: Id<id::Content>,
    pub(in crate::domain::recommendations) recent: f64,
    pub(in crate::domain::recommendations) before: f64,
}

impl Store {
    /// What users did in the `window` that ends at `until`, and in the `windows` of the same length
    /// before it, all together, for items of which the former is positive. In each window a user
    /// counts at most [`MOST_WEIGHT`] for an item.
    pub(in crate::domain::recommendations) async fn rises(
        &self,
        weights: &WeightTable,
        until: DateTime<Utc>,
        window: TimeDelta,
        windows: i32,
    ) -> Result<Vec<Rise>> {
        let from = until - window;
        let before = from - window * windows;
        #[derive(FromQueryResult)]
        struct Row {
            content_id: Uuid,
            recent: f64,
            before: f64,
        }
        // An id begins with its moment: the range is one of the key, and other months are not read.
        let first_at = |at| Id::<id::Interaction>::at(at, [0; 10]).uuid();
        let last_at = Id::<id::Interaction>::at(until, [0xff; 10]).uuid();
        let statement = sql(
            "WITH acts AS (
                SELECT i.content_id, i.id >= $2 AS lately,
                       least(sum(w.weight * coalesce((i.value - 2.5) / 2.5, 1)), $5) AS weight
                  FROM interactions i
                  JOIN interaction_weights w ON w.kind = i.kind AND w.version = $4
                 WHERE i.id >= $1 AND i.id <= $3
                 GROUP BY i.content_id, i.user_id, i.id >= $2,
                       ceil(extract(epoch FROM $6 - i.occurred_at) / $7))
             SELECT content_id, (sum(weight) FILTER (WHERE lately))::double precision AS recent,
                    coalesce(sum(weight) FILTER (WHERE NOT lately), 0)::double precision AS before
               FROM acts GROUP BY content_id HAVING sum(weight) FILTER (WHERE lately) > 0",
            [
                first_at(before).into(),
                first_at(from).into(),
                last_at.into(),
                weights.version.into(),
                f64::from(MOST_WEIGHT).into(),
                from.into(),
                window.num_seconds().into(),
            ],
        );
        let rows = Row::find_by_statement(statement)
            .all(self.db.read())
            .await?;
        let rise = |row: Row| Rise {
            content: row.content_id.into(),
            recent: row.recent,
            before: row.before,
        };
        Ok(rows.into_iter().map(rise).collect())
    }
}
