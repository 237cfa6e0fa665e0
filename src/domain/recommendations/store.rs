//! Lists, and what they are drawn from, in the database.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, QueryFilter, Statement,
    Value,
};
use uuid::Uuid;

use super::model::{Item, List, MOST_WEIGHT, Source};
use crate::domain::interactions::{InteractionKind, WeightTable};
use crate::foundation::{Error, Id, Result, id};
use crate::platform::db::entities::recommendation_list;
use crate::platform::db::{Db, stored};

mod training;

pub(super) use training::TrainingStore;

/// An item counts half as popular for every so many days since somebody took it.
const POPULAR_HALF_LIFE_DAYS: f64 = 90.0;

#[derive(Clone)]
pub(super) struct Store {
    db: Db,
}

/// What the model would give a user, how well it fits, and which thing of the past speaks for it.
pub(super) type BatchItem = (Id<id::Content>, f32, Option<Id<id::Content>>);

/// What the active model says for one user, best first.
pub(super) struct Batch {
    pub(super) model: Id<id::Model>,
    pub(super) items: Vec<BatchItem>,
}

/// Something the user did, as far as lists care.
pub(super) struct Past {
    pub(super) content: Id<id::Content>,
    pub(super) kind: InteractionKind,
    pub(super) at: DateTime<Utc>,
}

impl Store {
    pub(super) fn new(db: Db) -> Self {
        Self { db }
    }

    pub(super) async fn batch(&self, user: Id<id::User>) -> Result<Option<Batch>> {
        #[derive(FromQueryResult)]
        struct Row {
            model_version_id: Uuid,
            content_ids: Vec<Uuid>,
            scores: Vec<f32>,
            because: Vec<Uuid>,
        }
        let statement = sql(
            "SELECT b.model_version_id, b.content_ids, b.scores, b.because
               FROM batch_recommendations b
               JOIN model_versions m ON m.id = b.model_version_id
              WHERE b.user_id = $1 AND m.kind = 'COLLABORATIVE' AND m.state = 'ACTIVE'",
            [user.uuid().into()],
        );
        let row = Row::find_by_statement(statement)
            .one(self.db.read())
            .await?;
        Ok(row.map(|row| Batch {
            model: row.model_version_id.into(),
            items: row
                .content_ids
                .into_iter()
                .zip(row.scores)
                .zip(row.because)
                .map(|((content, score), because)| (content.into(), score, some(because)))
                .collect(),
        }))
    }

    /// What the user did, read from where the last write went.
    pub(super) async fn history(&self, user: Id<id::User>) -> Result<Vec<Past>> {
        #[derive(FromQueryResult)]
        struct Row {
            content_id: Uuid,
            kind: String,
            at: DateTime<Utc>,
        }
        let statement = sql(
            "SELECT content_id, kind, max(occurred_at) AS at
               FROM interactions WHERE user_id = $1 GROUP BY content_id, kind",
            [user.uuid().into()],
        );
        let rows = Row::find_by_statement(statement)
            .all(self.db.write())
            .await?;
        rows.into_iter()
            .map(|row| {
                Ok(Past {
                    content: row.content_id.into(),
                    kind: row.kind.parse().map_err(stored("interactions"))?,
                    at: row.at,
                })
            })
            .collect()
    }

    /// Which of these may be shown on `day`.
    pub(super) async fn eligible(
        &self,
        items: &[Id<id::Content>],
        day: NaiveDate,
    ) -> Result<HashSet<Id<id::Content>>> {
        #[derive(FromQueryResult)]
        struct Row {
            id: Uuid,
        }
        let ids: Vec<Uuid> = items.iter().map(|id| id.uuid()).collect();
        let statement = sql(
            "SELECT id FROM content_items
              WHERE id = ANY($1) AND deleted_at IS NULL AND visibility = 'PUBLIC'
                AND (rights_from IS NULL OR rights_from <= $2)
                AND (rights_until IS NULL OR rights_until >= $2)
                AND (stock IS NULL OR stock > 0)",
            [ids.into(), day.into()],
        );
        let rows = Row::find_by_statement(statement)
            .all(self.db.write())
            .await?;
        Ok(rows.into_iter().map(|row| row.id.into()).collect())
    }

    /// The items that were taken most, the latest counting most, with their weights; what speaks
    /// against an item counts against it.
    pub(super) async fn popular(
        &self,
        weights: &WeightTable,
        most: usize,
    ) -> Result<Vec<(Id<id::Content>, f64)>> {
        #[derive(FromQueryResult)]
        struct Row {
            content_id: Uuid,
            weight: f64,
        }
        // Ages count from the newest interaction, so that a catalogue imported long after the
        // fact has popular items too.
        let statement = sql(
            "WITH newest AS (SELECT max(occurred_at) AS at FROM interactions),
                  liking AS (
                    SELECT i.content_id,
                           least(sum(w.weight * coalesce((i.value - 2.5) / 2.5, 1)
                               * exp(-ln(2) * extract(epoch FROM n.at - i.occurred_at) / 86400 / $2)),
                               $4) AS weight
                      FROM interactions i
                      JOIN interaction_weights w ON w.kind = i.kind AND w.version = $1
                     CROSS JOIN newest n
                     WHERE i.occurred_at > n.at - make_interval(days => 3650)
                     GROUP BY i.content_id, i.user_id),
                  taken AS (
                    SELECT content_id, sum(weight) AS weight FROM liking GROUP BY content_id)
             SELECT t.content_id, t.weight::double precision AS weight
               FROM taken t JOIN content_items c ON c.id = t.content_id
              WHERE t.weight > 0 AND c.deleted_at IS NULL AND c.visibility = 'PUBLIC'
              ORDER BY t.weight DESC, t.content_id LIMIT $3",
            [
                weights.version.into(),
                POPULAR_HALF_LIFE_DAYS.into(),
                (most as i64).into(),
                f64::from(MOST_WEIGHT).into(),
            ],
        );
        let rows = Row::find_by_statement(statement)
            .all(self.db.read())
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| (row.content_id.into(), row.weight))
            .collect())
    }

    pub(super) async fn newest(&self, most: usize) -> Result<Vec<Id<id::Content>>> {
        #[derive(FromQueryResult)]
        struct Row {
            id: Uuid,
        }
        let statement = sql(
            "SELECT id FROM content_items WHERE deleted_at IS NULL AND visibility = 'PUBLIC'
              ORDER BY created_at DESC, id DESC LIMIT $1",
            [(most as i64).into()],
        );
        let rows = Row::find_by_statement(statement)
            .all(self.db.read())
            .await?;
        Ok(rows.into_iter().map(|row| row.id.into()).collect())
    }

    /// Writes a list and the items of its first page, in one statement; says whether there is
    /// such a user.
    pub(super) async fn insert(&self, list: &List, served: &[Item]) -> Result<bool> {
        let all = |pick: fn(&Item) -> Uuid| list.items.iter().map(pick).collect::<Vec<_>>();
        let scores: Vec<f32> = list.items.iter().map(|item| item.score).collect();
        let sources: Vec<String> = list
            .items
            .iter()
            .map(|item| item.source.as_str().to_owned())
            .collect();
        let ranks: Vec<i32> = served.iter().map(|item| item.rank).collect();
        let statement = sql(
            "WITH list AS (
                INSERT INTO recommendation_lists (id, user_id, context, model_version_id,
                    weights_version, created_at, content_ids, scores, sources, because)
                SELECT $1, id, $3, $4, $5, $6, $7, $8, $9, $10 FROM users WHERE id = $2
                RETURNING id),
             items AS (
                INSERT INTO recommendation_items
                    (list_id, rank, content_id, score, source, served_at)
                SELECT list.id, r, ($7::uuid[])[r], ($8::real[])[r], ($9::text[])[r], $6
                  FROM list, unnest($11::integer[]) AS r)
             SELECT id FROM list",
            [
                list.id.uuid().into(),
                list.user.uuid().into(),
                list.context.as_str().into(),
                list.model.map(Id::uuid).into(),
                list.weights_version.into(),
                list.created_at.into(),
                all(|item| item.content.uuid()).into(),
                scores.into(),
                sources.into(),
                all(|item| item.because.map_or(Uuid::nil(), Id::uuid)).into(),
                ranks.into(),
            ],
        );
        Ok(self.db.write().query_one_raw(statement).await?.is_some())
    }

    /// Notes that these items of a list were served; serving a page again changes nothing.
    pub(super) async fn serve(
        &self,
        list: Id<id::List>,
        items: &[Item],
        now: DateTime<Utc>,
    ) -> Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        let ranks: Vec<i32> = items.iter().map(|item| item.rank).collect();
        let contents: Vec<Uuid> = items.iter().map(|item| item.content.uuid()).collect();
        let scores: Vec<f32> = items.iter().map(|item| item.score).collect();
        let sources: Vec<String> = items
            .iter()
            .map(|item| item.source.as_str().to_owned())
            .collect();
        let statement = sql(
            "INSERT INTO recommendation_items (list_id, rank, content_id, score, source, served_at)
             SELECT $1, rank, content_id, score, source, $6
               FROM unnest($2::integer[], $3::uuid[], $4::real[], $5::text[])
                    AS served (rank, content_id, score, source)
             ON CONFLICT (list_id, rank) DO NOTHING",
            [
                list.uuid().into(),
                ranks.into(),
                contents.into(),
                scores.into(),
                sources.into(),
                now.into(),
            ],
        );
        self.db.write().execute_raw(statement).await?;
        Ok(())
    }

    pub(super) async fn find(&self, id: Id<id::List>) -> Result<Option<List>> {
        use recommendation_list::{Column, Entity};
        // From where lists are written: the next page may be asked for at once.
        let row = Entity::find()
            .filter(Column::Id.eq(id.uuid()))
            .one(self.db.write())
            .await?;
        row.map(List::try_from).transpose()
    }
}

fn sql<const N: usize>(statement: &str, values: [Value; N]) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, statement, values)
}

/// In arrays, the nil UUID stands for "none".
fn some(uuid: Uuid) -> Option<Id<id::Content>> {
    (!uuid.is_nil()).then(|| uuid.into())
}

impl TryFrom<recommendation_list::Model> for List {
    type Error = Error;

    fn try_from(row: recommendation_list::Model) -> Result<Self> {
        let places = row
            .content_ids
            .into_iter()
            .zip(row.scores)
            .zip(row.sources)
            .zip(row.because)
            .zip(1..);
        let items = places.map(|((((content, score), source), because), rank)| {
            Ok(Item {
                rank,
                content: content.into(),
                score,
                source: source
                    .parse::<Source>()
                    .map_err(stored("recommendation_lists"))?,
                because: some(because),
            })
        });
        Ok(Self {
            id: row.id.into(),
            user: row.user_id.into(),
            context: row
                .context
                .parse()
                .map_err(stored("recommendation_lists"))?,
            model: row.model_version_id.map(Into::into),
            weights_version: row.weights_version,
            created_at: row.created_at,
            items: items.collect::<Result<_>>()?,
        })
    }
}
