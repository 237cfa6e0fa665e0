//! Lists, and what they are drawn from, in the database.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rustc_hash::FxHashSet;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, QueryFilter, Statement,
    Value,
};
use uuid::Uuid;

use super::model::{Freshness, Item, List, Source, Sources};
use crate::engine::history::WeightTable;
use crate::engine::popularity::Popularity;
use crate::engine::provenance::Provenance;
use crate::foundation::{Error, Id, Result, id};
use crate::platform::db::entities::recommendation_list;
use crate::platform::db::{Db, filter, stored};

mod feedback;
mod histories;
mod refresh;
mod related;
mod traces;
mod training;
mod trending;

pub(super) use feedback::{ListedItem, RecordedKind};
pub(super) use related::{SharedCredit, Takers};
pub(super) use training::TrainingStore;

#[derive(Clone)]
pub(super) struct Store {
    db: Db,
}

/// What the model would give a user, how well it fits, and which thing of the past speaks for it.
pub(super) type BatchItem = (Id<id::Content>, f32, Option<Id<id::Content>>);

/// What the active model says for one user, best first.
pub(super) struct Batch {
    pub(super) model: Id<id::Model>,
    pub(super) trained_at: DateTime<Utc>,
    pub(super) items: Vec<BatchItem>,
}

impl Store {
    pub(super) fn new(db: Db) -> Self {
        Self { db }
    }

    pub(super) async fn batch(&self, user: Id<id::User>) -> Result<Option<Batch>> {
        #[derive(FromQueryResult)]
        struct Row {
            model_version_id: Uuid,
            created_at: DateTime<Utc>,
            content_ids: Vec<Uuid>,
            scores: Vec<f32>,
            because: Vec<Uuid>,
        }
        let statement = sql(
            "SELECT b.model_version_id, m.created_at, b.content_ids, b.scores, b.because
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
            trained_at: row.created_at,
            items: row
                .content_ids
                .into_iter()
                .zip(row.scores)
                .zip(row.because)
                .map(|((content, score), because)| (content.into(), score, some(because)))
                .collect(),
        }))
    }

    /// The public items that are popular at `now`, with how much, the favourites first. It goes through
    /// all interactions, which may take longer than a request may.
    pub(super) async fn popular(
        &self,
        weights: &WeightTable,
        now: DateTime<Utc>,
        most: usize,
    ) -> Result<Vec<(Id<id::Content>, f64)>> {
        let mut session = self.db.bulk_read().await?;
        let mut popularity = Popularity::new(weights, now);
        let all = histories::ALL_TIME;
        histories::each(session.connection(), all, |user| {
            popularity.add(&user.account, &user.events);
            Ok(())
        })
        .await?;
        let offered: Vec<Uuid> = sqlx::query_scalar(
            "SELECT id FROM content_items WHERE deleted_at IS NULL AND visibility = 'PUBLIC'",
        )
        .fetch_all(session.connection())
        .await?;
        session.close().await?;
        let offered: FxHashSet<Uuid> = offered.into_iter().collect();
        let popular = popularity.ranked().into_iter();
        let popular = popular.filter(|(content, _)| offered.contains(&content.uuid()));
        Ok(popular.take(most).collect())
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
    ///
    /// It does not wait for the disk: a list that a crash of the database takes away is drawn anew,
    /// and its half a second of readers is told so.
    pub(super) async fn insert(&self, list: &List, served: &[Item]) -> Result<bool> {
        let all = |pick: fn(&Item) -> Uuid| list.items.iter().map(pick).collect::<Vec<_>>();
        let (because_ids, because) = shared(&list.items);
        let scores: Vec<f32> = list.items.iter().map(|item| item.score).collect();
        let sources: Vec<i16> = list.items.iter().map(|item| item.sources.bits()).collect();
        let parts = list.items.iter().flat_map(|item| &item.parts);
        let parts: Vec<f32> = parts.copied().collect();
        let (blend, weights): (Vec<String>, Vec<f32>) = list
            .blend
            .iter()
            .map(|(source, weight)| (source.as_str().to_owned(), *weight))
            .unzip();
        let (ranks, main) = served_as(list, served);
        let controls: serde_json::Value =
            serde_json::from_str(&list.controls).map_err(anyhow::Error::from)?;
        let statement = sql(
            "WITH quick AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
             list AS (
                INSERT INTO recommendation_lists (id, user_id, context, controls, model_version_id,
                    embedding_version_id, weights_version, model_at, events, last_event_at,
                    created_at, blend_sources, blend_weights, content_ids, scores, sources, parts,
                    because_ids, because, provenance, events_since_model, variant_id)
                SELECT $1, id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
                       $18, $19, $22, $23, $24
                  FROM users, quick WHERE id = $2
                RETURNING id),
             items AS (
                INSERT INTO recommendation_items
                    (list_id, rank, content_id, score, source, served_at)
                SELECT list.id, served.rank, ($14::uuid[])[served.rank],
                       ($15::real[])[served.rank], served.source, $11
                  FROM list, unnest($20::integer[], $21::text[]) AS served (rank, source))
             SELECT id FROM list",
            [
                list.id.uuid().into(),
                list.user.uuid().into(),
                list.context.as_str().into(),
                controls.into(),
                list.model.map(Id::uuid).into(),
                list.embedding.map(Id::uuid).into(),
                list.weights_version.into(),
                list.freshness.model_at.into(),
                list.freshness.events.into(),
                list.freshness.last_event_at.into(),
                list.created_at.into(),
                blend.into(),
                weights.into(),
                all(|item| item.content.uuid()).into(),
                scores.into(),
                sources.into(),
                parts.into(),
                because_ids.into(),
                because.into(),
                ranks.into(),
                main.into(),
                list.provenance.bytes().to_vec().into(),
                list.freshness.events_since_model.into(),
                list.variant.map(Id::uuid).into(),
            ],
        );
        Ok(self.db.write().query_one_raw(statement).await?.is_some())
    }

    /// Notes that these items of a list were served; serving a page again changes nothing.
    pub(super) async fn serve(
        &self,
        list: &List,
        items: &[Item],
        now: DateTime<Utc>,
    ) -> Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        let (ranks, main) = served_as(list, items);
        let contents: Vec<Uuid> = items.iter().map(|item| item.content.uuid()).collect();
        let scores: Vec<f32> = items.iter().map(|item| item.score).collect();
        let statement = sql(
            "INSERT INTO recommendation_items (list_id, rank, content_id, score, source, served_at)
             SELECT $1, rank, content_id, score, source, $6
               FROM unnest($2::integer[], $3::uuid[], $4::real[], $5::text[])
                    AS served (rank, content_id, score, source)
             ON CONFLICT (list_id, rank) DO NOTHING",
            [
                list.id.uuid().into(),
                ranks.into(),
                contents.into(),
                scores.into(),
                main.into(),
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

    /// Those of these lists that there are, in no order.
    pub(super) async fn find_many(&self, ids: &[Id<id::List>]) -> Result<Vec<List>> {
        use recommendation_list::{Column, Entity};
        let rows = Entity::find()
            .filter(filter::among(Column::Id, ids.iter().copied()))
            .all(self.db.write())
            .await?;
        rows.into_iter().map(List::try_from).collect()
    }
}

fn sql<const N: usize>(statement: &str, values: [Value; N]) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, statement, values)
}

/// In arrays, the nil UUID stands for "none".
fn some(uuid: Uuid) -> Option<Id<id::Content>> {
    (!uuid.is_nil()).then(|| uuid.into())
}

/// The ranks of these items, and the source that says most for each.
fn served_as(list: &List, items: &[Item]) -> (Vec<i32>, Vec<String>) {
    let row = |item: &Item| (item.rank, item.source(&list.blend).as_str().to_owned());
    items.iter().map(row).unzip()
}

/// What speaks for the items, each past item once, and for each item its place among them, from 1;
/// 0 where nothing does. Whatever has no place within 16 bits speaks for nothing.
fn shared(items: &[Item]) -> (Vec<Uuid>, Vec<i16>) {
    let mut indices: HashMap<Id<id::Content>, i16> = HashMap::new();
    let mut ids = Vec::new();
    let because = items.iter().map(|item| {
        let Some(history_item) = item.because else {
            return 0;
        };
        if let Some(index) = indices.get(&history_item) {
            return *index;
        }
        let Ok(index) = i16::try_from(ids.len() + 1) else {
            return 0;
        };
        ids.push(history_item.uuid());
        indices.insert(history_item, index);
        index
    });
    let because = because.collect();
    (ids, because)
}

impl TryFrom<recommendation_list::Model> for List {
    type Error = Error;

    fn try_from(row: recommendation_list::Model) -> Result<Self> {
        let source = |name: String| {
            name.parse::<Source>()
                .map_err(stored("recommendation_lists"))
        };
        let blend = row.blend_sources.into_iter().map(source);
        let blend: Vec<Source> = blend.collect::<Result<_>>()?;
        let width = blend.len();
        let items = row.content_ids.iter().zip(&row.scores).zip(1..);
        let items = items.enumerate().map(|(at, ((content, score), rank))| {
            let because = row.because.get(at).copied().unwrap_or(0);
            let because = usize::try_from(because).unwrap_or(0).checked_sub(1);
            let because = because.and_then(|index| row.because_ids.get(index));
            let parts = row.parts.get(at * width..(at + 1) * width);
            Item {
                rank,
                content: (*content).into(),
                score: *score,
                sources: Sources::from_bits(row.sources.get(at).copied().unwrap_or(0)),
                parts: parts.unwrap_or_default().into(),
                because: because.map(|history_item| (*history_item).into()),
            }
        });
        Ok(Self {
            items: items.collect(),
            id: row.id.into(),
            user: row.user_id.into(),
            context: row
                .context
                .parse()
                .map_err(stored("recommendation_lists"))?,
            controls: row.controls.to_string(),
            model: row.model_version_id.map(Into::into),
            embedding: row.embedding_version_id.map(Into::into),
            weights_version: row.weights_version,
            blend: blend.into_iter().zip(row.blend_weights).collect(),
            freshness: Freshness {
                model_at: row.model_at,
                events: row.events,
                events_since_model: row.events_since_model.unwrap_or(row.events),
                last_event_at: row.last_event_at,
            },
            created_at: row.created_at,
            variant: row.variant_id.map(Into::into),
            provenance: Provenance::from_bytes(row.provenance),
        })
    }
}
