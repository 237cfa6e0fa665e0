//! Items as they are read for their vectors, and the vectors, in the database.

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::model::{Item, VectorTable};
use crate::foundation::{Id, Result, id};
use crate::platform::db::Db;

mod changes;
mod external;
mod nearest;
mod training;

pub(super) use nearest::PgvectorStore;
pub(super) use training::TrainingStore;

/// What is read of items; a condition on `c` follows.
const ITEMS: &str = "
    SELECT c.id, c.updated_at, c.title, c.original_title, c.description, c.genres, c.tags,
           coalesce(u.tags, '{}') AS user_tags, c.category_path, c.brand,
           coalesce(p.directors, '{}') AS directors, coalesce(p.actors, '{}') AS actors,
           coalesce(p.crew, '{}') AS crew
      FROM content_items c
      LEFT JOIN LATERAL (
           SELECT array_agg(p.name ORDER BY r.position) FILTER (WHERE r.role = 'DIRECTOR') AS directors,
                  array_agg(p.name ORDER BY r.position)
                      FILTER (WHERE r.role = 'CAST' AND r.position < 8) AS actors,
                  array_agg(p.name ORDER BY r.role, r.position)
                      FILTER (WHERE r.role IN ('WRITER', 'COMPOSER', 'CINEMATOGRAPHER')) AS crew
             FROM credits r JOIN people p ON p.id = r.person_id
            WHERE r.content_id = c.id) p ON true
      LEFT JOIN LATERAL (
           SELECT array_agg(t.tag ORDER BY t.given DESC, t.tag) AS tags
             FROM (SELECT tag, count(*) AS given FROM content_tags
                    WHERE content_id = c.id GROUP BY tag ORDER BY given DESC, tag LIMIT 20) t) u
           ON true
     WHERE c.deleted_at IS NULL AND ";

#[derive(Clone)]
pub(super) struct Store {
    pub(super) db: Db,
}

/// Since when items are looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Changed {
    /// Changed after this moment, as they say themselves.
    After(DateTime<Utc>),
    /// Changed by this transaction or a later one.
    In(u64),
}

/// An item and its vector.
pub(super) type EmbeddedItem = (Id<id::Content>, Vec<f32>);

impl Store {
    pub(super) fn new(db: Db) -> Self {
        Self { db }
    }

    /// These items, from where they were written a moment ago; without those that are deleted.
    pub(super) async fn items(&self, ids: &[Id<id::Content>]) -> Result<Vec<Item>> {
        let rows = sqlx::query(AssertSqlSafe(format!("{ITEMS} c.id = ANY($1)")))
            .bind(uuids(ids))
            .fetch_all(self.db.pool())
            .await?;
        rows.iter().map(item).collect()
    }

    /// Up to `most` items behind `after`, by id, that changed and whose vectors tell of an earlier state
    /// or are not there.
    pub(super) async fn changed(
        &self,
        model: Id<id::Model>,
        changed: Changed,
        after: Uuid,
        most: i64,
    ) -> Result<Vec<Id<id::Content>>> {
        let (condition, since) = match changed {
            Changed::After(moment) => ("c.updated_at > $2::text::timestamptz", moment.to_rfc3339()),
            Changed::In(transaction) => ("c.changed_in >= $2::text::xid8", transaction.to_string()),
        };
        let ids: Vec<Uuid> = sqlx::query_scalar(AssertSqlSafe(format!(
            "SELECT c.id
               FROM content_items c
               LEFT JOIN content_embeddings e
                    ON e.model_version_id = $1 AND e.content_id = c.id
              WHERE {condition} AND c.id > $3 AND c.deleted_at IS NULL
                AND (e.content_id IS NULL OR e.item_updated_at < c.updated_at)
              ORDER BY c.id
              LIMIT $4"
        )))
        .bind(model.uuid())
        .bind(since)
        .bind(after)
        .bind(most)
        .fetch_all(self.db.pool())
        .await?;
        Ok(ids.into_iter().map(Into::into).collect())
    }

    /// Writes the vectors of items, but for those whose vector somebody brought, and removes those
    /// of items that have none. Answers which were written.
    pub(super) async fn write_vectors(
        &self,
        model: Id<id::Model>,
        dimensions: usize,
        embedded: &[(Id<id::Content>, DateTime<Utc>, Vec<f32>)],
        without: &[Id<id::Content>],
        now: DateTime<Utc>,
    ) -> Result<Vec<Id<id::Content>>> {
        let dimensions = i32::try_from(dimensions).unwrap_or(i32::MAX);
        sqlx::query(
            "WITH gone AS (
                 DELETE FROM content_embeddings e
                  WHERE model_version_id = $1 AND content_id = ANY($2)
                    AND NOT EXISTS (SELECT FROM external_embeddings b
                                     WHERE b.content_id = e.content_id
                                       AND public.vector_dims(b.embedding) = $3)
                 RETURNING content_id)
             INSERT INTO removed_embeddings AS r (model_version_id, content_id)
             SELECT $1, content_id FROM gone ORDER BY content_id
             ON CONFLICT (model_version_id, content_id) DO UPDATE
                SET changed_in = excluded.changed_in",
        )
        .bind(model.uuid())
        .bind(uuids(without))
        .bind(dimensions)
        .execute(self.db.pool())
        .await?;
        let ids: Vec<Uuid> = sqlx::query_scalar(
            "INSERT INTO content_embeddings AS e
                    (model_version_id, content_id, embedding, item_updated_at, written_at)
             SELECT m.id, c.id, n.embedding::public.vector, n.updated_at, $5
               FROM unnest($2::uuid[], $3::text[], $4::timestamptz[])
                    AS n (id, embedding, updated_at)
               JOIN content_items c ON c.id = n.id
               JOIN model_versions m ON m.id = $1
              WHERE NOT EXISTS (SELECT FROM external_embeddings b
                                 WHERE b.content_id = n.id
                                   AND public.vector_dims(b.embedding) = $6)
             ON CONFLICT (model_version_id, content_id) DO UPDATE
                SET embedding = excluded.embedding,
                    item_updated_at = excluded.item_updated_at,
                    written_at = excluded.written_at
              WHERE e.item_updated_at <= excluded.item_updated_at
             RETURNING content_id",
        )
        .bind(model.uuid())
        .bind(
            embedded
                .iter()
                .map(|(id, ..)| id.uuid())
                .collect::<Vec<_>>(),
        )
        .bind(
            embedded
                .iter()
                .map(|(.., v)| literal(v))
                .collect::<Vec<_>>(),
        )
        .bind(embedded.iter().map(|(_, at, _)| *at).collect::<Vec<_>>())
        .bind(now)
        .bind(dimensions)
        .fetch_all(self.db.pool())
        .await?;
        Ok(ids.into_iter().map(Into::into).collect())
    }

    /// The vectors of these items, as far as they have one.
    pub(super) async fn vectors(
        &self,
        model: Id<id::Model>,
        dimensions: usize,
        ids: &[Id<id::Content>],
    ) -> Result<VectorTable> {
        let rows = sqlx::query(
            "SELECT content_id, embedding::real[] FROM content_embeddings
              WHERE model_version_id = $1 AND content_id = ANY($2)",
        )
        .bind(model.uuid())
        .bind(uuids(ids))
        .fetch_all(self.db.pool())
        .await?;
        let mut vectors = VectorTable::with_capacity(dimensions, rows.len());
        for row in &rows {
            let (id, vector) = embedded(row)?;
            vectors.insert(id, &vector);
        }
        Ok(vectors)
    }

    /// Hands every vector of a space to `each`, in no order, without holding them all; those of
    /// deleted items are left out.
    pub(super) async fn all(
        &self,
        model: Id<id::Model>,
        mut each: impl FnMut(EmbeddedItem) + Send,
    ) -> Result<()> {
        let mut session = self.db.bulk().await?;
        let mut rows = sqlx::query(
            "SELECT e.content_id, e.embedding::real[]
               FROM content_embeddings e
               JOIN content_items c ON c.id = e.content_id
              WHERE e.model_version_id = $1 AND c.deleted_at IS NULL",
        )
        .bind(model.uuid())
        .fetch(session.connection());
        while let Some(row) = rows.try_next().await? {
            each(embedded(&row)?);
        }
        drop(rows);
        session.close().await
    }
}

fn item(row: &PgRow) -> Result<Item> {
    Ok(Item {
        id: row.try_get("id")?,
        updated_at: row.try_get("updated_at")?,
        title: row.try_get("title")?,
        original_title: row.try_get("original_title")?,
        description: row.try_get("description")?,
        genres: row.try_get("genres")?,
        tags: row.try_get("tags")?,
        user_tags: row.try_get("user_tags")?,
        category_path: row.try_get("category_path")?,
        brand: row.try_get("brand")?,
        directors: row.try_get("directors")?,
        cast: row.try_get("actors")?,
        crew: row.try_get("crew")?,
    })
}

fn embedded(row: &PgRow) -> Result<EmbeddedItem> {
    let id: Uuid = row.try_get(0)?;
    Ok((id.into(), row.try_get(1)?))
}

fn uuids(ids: &[Id<id::Content>]) -> Vec<Uuid> {
    ids.iter().map(|id| id.uuid()).collect()
}

/// A vector as pgvector reads it.
fn literal(vector: &[f32]) -> String {
    let numbers: Vec<String> = vector.iter().map(ToString::to_string).collect();
    format!("[{}]", numbers.join(","))
}
