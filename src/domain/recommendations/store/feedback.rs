//! What became of list items, in the database.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, FromQueryResult};
use uuid::Uuid;

use super::{Store, sql};
use crate::domain::interactions::model::Attribution;
use crate::domain::recommendations::feedback::{Feedback, FeedbackKind};
use crate::domain::recommendations::statistics::{Counts, Group};
use crate::foundation::{Id, Result, id};
use crate::platform::db::stored;

/// A list item that was served.
#[derive(Clone, Debug)]
pub(in crate::domain::recommendations) struct ListedItem {
    /// For whom the list is.
    pub(in crate::domain::recommendations) user: Id<id::User>,
    pub(in crate::domain::recommendations) content: Id<id::Content>,
    /// What was said of it before.
    pub(in crate::domain::recommendations) recorded: HashMap<FeedbackKind, RecordedKind>,
}

/// What was said before.
#[derive(Clone, Debug)]
pub(in crate::domain::recommendations) struct RecordedKind {
    pub(in crate::domain::recommendations) rating: Option<f32>,
    pub(in crate::domain::recommendations) interaction: Option<Id<id::Interaction>>,
    pub(in crate::domain::recommendations) at: DateTime<Utc>,
}

impl Store {
    /// Those of these list items that were served, with what was said of them.
    pub(in crate::domain::recommendations) async fn listed(
        &self,
        items: &[Attribution],
    ) -> Result<HashMap<Attribution, ListedItem>> {
        #[derive(FromQueryResult)]
        struct Row {
            list_id: Uuid,
            rank: i32,
            user_id: Uuid,
            content_id: Uuid,
            kind: Option<String>,
            rating: Option<f32>,
            interaction_id: Option<Uuid>,
            at: Option<DateTime<Utc>>,
        }
        if items.is_empty() {
            return Ok(HashMap::new());
        }
        let lists: Vec<Uuid> = items.iter().map(|item| item.list.uuid()).collect();
        let ranks: Vec<i32> = items.iter().map(|item| item.rank).collect();
        let statement = sql(
            "SELECT item.list_id, item.rank, list.user_id, item.content_id,
                    said.kind, said.rating, said.interaction_id, said.at
               FROM (SELECT DISTINCT * FROM unnest($1::uuid[], $2::integer[])) AS named (list_id, rank)
               JOIN recommendation_items item USING (list_id, rank)
               JOIN recommendation_lists list ON list.id = named.list_id
               LEFT JOIN feedback said USING (list_id, rank)",
            [lists.into(), ranks.into()],
        );
        // A client may answer faster than a replica follows.
        let rows = Row::find_by_statement(statement)
            .all(self.db.write())
            .await?;
        let mut listed: HashMap<Attribution, ListedItem> = HashMap::new();
        for row in rows {
            let item = Attribution {
                list: row.list_id.into(),
                rank: row.rank,
            };
            let entry = listed.entry(item).or_insert_with(|| ListedItem {
                user: row.user_id.into(),
                content: row.content_id.into(),
                recorded: HashMap::new(),
            });
            if let (Some(kind), Some(at)) = (row.kind, row.at) {
                let recorded = RecordedKind {
                    rating: row.rating,
                    interaction: row.interaction_id.map(Into::into),
                    at,
                };
                let kind = kind.parse().map_err(stored("feedback"))?;
                entry.recorded.insert(kind, recorded);
            }
        }
        Ok(listed)
    }

    /// Writes what was said, in one statement; of stars the last stay. `user` knows whose list each
    /// item is of.
    pub(in crate::domain::recommendations) async fn note(
        &self,
        recorded: &[Feedback],
        user: impl Fn(&Attribution) -> Option<Id<id::User>>,
    ) -> Result<()> {
        let recorded: Vec<_> = recorded
            .iter()
            .filter_map(|recorded| Some((recorded, user(&recorded.item)?)))
            .collect();
        if recorded.is_empty() {
            return Ok(());
        }
        let each = |pick: fn(&Feedback) -> Uuid| -> Vec<Uuid> {
            recorded
                .iter()
                .map(|(recorded, _)| pick(recorded))
                .collect()
        };
        let ranks: Vec<i32> = recorded
            .iter()
            .map(|(recorded, _)| recorded.item.rank)
            .collect();
        let users: Vec<Uuid> = recorded.iter().map(|(_, user)| user.uuid()).collect();
        let kinds: Vec<String> = recorded
            .iter()
            .map(|(recorded, _)| recorded.kind.as_str().to_owned())
            .collect();
        // In these arrays, 0 and the nil UUID stand for "none".
        let rating = |recorded: &Feedback| recorded.rating.unwrap_or_default();
        let ratings: Vec<f32> = recorded
            .iter()
            .map(|(recorded, _)| rating(recorded))
            .collect();
        let at: Vec<DateTime<Utc>> = recorded.iter().map(|(recorded, _)| recorded.at).collect();
        let statement = sql(
            "INSERT INTO feedback (id, list_id, rank, user_id, kind, rating, interaction_id, at)
             SELECT gen_random_uuid(), list_id, rank, user_id, kind, nullif(rating, 0),
                    nullif(interaction_id, '00000000-0000-0000-0000-000000000000'), at
               FROM unnest($1::uuid[], $2::integer[], $3::uuid[],
                    $4::text[], $5::real[], $6::uuid[], $7::timestamptz[])
                    AS said (list_id, rank, user_id, kind, rating, interaction_id, at)
              ORDER BY list_id, rank, kind
             ON CONFLICT (list_id, rank, kind) DO UPDATE
                SET rating = excluded.rating, interaction_id = excluded.interaction_id,
                    at = excluded.at
              WHERE feedback.kind = 'RATED'",
            [
                each(|recorded| recorded.item.list.uuid()).into(),
                ranks.into(),
                users.into(),
                kinds.into(),
                ratings.into(),
                each(|recorded| recorded.interaction.map(Id::uuid).unwrap_or_default()).into(),
                at.into(),
            ],
        );
        self.db.write().execute_raw(statement).await?;
        Ok(())
    }

    /// What became of the served items of the lists that were drawn from the first moment on until
    /// just before the second: in all, by rank as far as `ranks`, by context and by source. An item
    /// counts once for each kind, whether it was told as feedback or as an interaction with the
    /// item's token.
    pub(in crate::domain::recommendations) async fn statistics(
        &self,
        (from, until): (DateTime<Utc>, DateTime<Utc>),
        ranks: i32,
    ) -> Result<Vec<(Group, Counts)>> {
        #[derive(FromQueryResult)]
        struct Row {
            grouped: i32,
            rank: Option<i32>,
            context: Option<String>,
            source: Option<String>,
            served: i64,
            displayed: i64,
            clicked: i64,
            dismissed: i64,
            rated: i64,
        }
        let first_at = |at| Id::<id::List>::at(at, [0; 10]).uuid();
        let statement = sql(
            "WITH told AS (
                SELECT list_id, rank, kind FROM feedback WHERE list_id >= $1 AND list_id < $2
                UNION ALL
                SELECT list_id, list_rank, CASE kind WHEN 'CLICK' THEN 'CLICKED'
                                                     WHEN 'SKIP' THEN 'DISMISSED' ELSE 'RATED' END
                  FROM interactions
                 WHERE list_id >= $1 AND list_id < $2 AND kind IN ('CLICK', 'SKIP', 'RATING')),
             became AS (
                SELECT list_id, rank, bool_or(kind = 'SERVED') AS displayed,
                       bool_or(kind = 'CLICKED') AS clicked, bool_or(kind = 'DISMISSED') AS dismissed,
                       bool_or(kind = 'RATED') AS rated
                  FROM told GROUP BY list_id, rank),
             shown AS (
                SELECT CASE WHEN item.rank <= $3 THEN item.rank END AS rank, list.context,
                       item.source, became.displayed, became.clicked, became.dismissed, became.rated
                  FROM recommendation_items item
                  JOIN recommendation_lists list ON list.id = item.list_id
                  LEFT JOIN became ON became.list_id = item.list_id AND became.rank = item.rank
                 WHERE item.list_id >= $1 AND item.list_id < $2 AND list.id >= $1 AND list.id < $2)
             SELECT grouping(rank, context, source) AS grouped, rank, context, source,
                    count(*) AS served, count(*) FILTER (WHERE displayed) AS displayed,
                    count(*) FILTER (WHERE clicked) AS clicked,
                    count(*) FILTER (WHERE dismissed) AS dismissed,
                    count(*) FILTER (WHERE rated) AS rated
               FROM shown GROUP BY GROUPING SETS ((), (rank), (context), (source))
              ORDER BY rank, context, source",
            [first_at(from).into(), first_at(until).into(), ranks.into()],
        );
        let rows = Row::find_by_statement(statement)
            .all(self.db.read())
            .await?;
        let mut counted = Vec::with_capacity(rows.len());
        for row in rows {
            // A bit is set for each column that the group does not tell apart.
            let group = match (row.grouped, row.rank, row.context, row.source) {
                (0b111, ..) => Group::All,
                (0b011, Some(rank), ..) => Group::Rank(rank),
                (0b101, _, Some(context), _) => {
                    Group::Context(context.parse().map_err(stored("recommendation_lists"))?)
                }
                (0b110, _, _, Some(source)) => {
                    Group::Source(source.parse().map_err(stored("recommendation_items"))?)
                }
                // The ranks behind those that are told apart.
                _ => continue,
            };
            let counts = Counts {
                served: row.served,
                displayed: row.displayed,
                clicked: row.clicked,
                dismissed: row.dismissed,
                rated: row.rated,
            };
            counted.push((group, counts));
        }
        Ok(counted)
    }
}
