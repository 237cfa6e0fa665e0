//! What a training reads and writes, in a session of its own that holds the training's lock.

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use rustc_hash::FxHashSet;
use sqlx::{AssertSqlSafe, Executor};
use uuid::Uuid;

use super::{ITEMS, Store, item, literal};
use crate::domain::embeddings::model::Item;
use crate::foundation::{Id, Result, id};
use crate::platform::db::bulk::Bulk;
use crate::platform::db::copy::Rows;

/// Shares of the catalogue are told apart in so many steps.
const STEPS: i64 = 1 << 20;

/// The right to train, and the session that holds it: it goes with the process, however that ends.
pub(in crate::domain::embeddings) struct TrainingStore(Bulk);

impl Store {
    /// The right to train; `None` while another training of the schema has it.
    pub(in crate::domain::embeddings) async fn begin_training(
        &self,
    ) -> Result<Option<TrainingStore>> {
        let mut session = self.db.bulk().await?;
        Ok(session
            .try_lock("embeddings")
            .await?
            .then_some(TrainingStore(session)))
    }
}

impl TrainingStore {
    /// How many items there are, and how many of them everybody may see.
    pub(in crate::domain::embeddings) async fn counts(&mut self) -> Result<(usize, usize)> {
        let (all, public): (i64, i64) = sqlx::query_as(
            "SELECT count(*), count(*) FILTER (WHERE visibility = 'PUBLIC')
               FROM content_items WHERE deleted_at IS NULL",
        )
        .fetch_one(self.0.connection())
        .await?;
        Ok((all.try_into().unwrap_or(0), public.try_into().unwrap_or(0)))
    }

    /// Hands about this share (0 to 1) of the public items to `each`; the same ones each time.
    pub(in crate::domain::embeddings) async fn sample(
        &mut self,
        share: f64,
        mut each: impl FnMut(Item) -> Result<()> + Send,
    ) -> Result<()> {
        let statement = format!(
            "{ITEMS} c.visibility = 'PUBLIC'
                AND (hashtextextended(c.id::text, 0) & {}) < $1 ORDER BY c.id",
            STEPS - 1
        );
        let mut rows = sqlx::query(AssertSqlSafe(statement))
            .bind((share * STEPS as f64).ceil() as i64)
            .fetch(self.0.connection());
        while let Some(row) = rows.try_next().await? {
            each(item(&row)?)?;
        }
        Ok(())
    }

    /// Up to `most` items behind `after` in the order of ids.
    pub(in crate::domain::embeddings) async fn page(
        &mut self,
        after: Uuid,
        most: usize,
    ) -> Result<Vec<Item>> {
        let statement = format!("{ITEMS} c.id > $1 ORDER BY c.id LIMIT $2");
        let rows = sqlx::query(AssertSqlSafe(statement))
            .bind(after)
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .fetch_all(self.0.connection())
            .await?;
        rows.iter().map(item).collect()
    }

    /// Copies the vectors of items. `false`, and no row is copied, where an item is gone by now:
    /// erasing a user takes their private items away.
    pub(in crate::domain::embeddings) async fn keep(
        &mut self,
        model: Id<id::Model>,
        embedded: &[(Uuid, DateTime<Utc>, Vec<f32>)],
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let mut rows = Rows::new();
        for (id, updated_at, vector) in embedded {
            rows.plain(model.uuid())
                .plain(*id)
                .plain(literal(vector))
                .plain(updated_at.to_rfc3339())
                .plain(now.to_rfc3339());
            rows.end();
        }
        let target = "content_embeddings \
            (model_version_id, content_id, embedding, item_updated_at, written_at)";
        rows.copy_unless_gone(self.0.connection(), target).await
    }

    /// Which of these items are there.
    pub(in crate::domain::embeddings) async fn existing(
        &mut self,
        items: &[Uuid],
    ) -> Result<FxHashSet<Uuid>> {
        let existing = sqlx::query_scalar("SELECT id FROM content_items WHERE id = ANY ($1)")
            .bind(items)
            .fetch_all(self.0.connection())
            .await?;
        Ok(existing.into_iter().collect())
    }

    /// Puts the vectors that were brought in place of those computed; answers how many vectors
    /// the space then has.
    pub(in crate::domain::embeddings) async fn copy_external(
        &mut self,
        model: Id<id::Model>,
        dimensions: usize,
        now: DateTime<Utc>,
    ) -> Result<usize> {
        sqlx::query(
            "INSERT INTO content_embeddings AS e
                    (model_version_id, content_id, embedding, item_updated_at, written_at)
             SELECT $1, c.id, b.embedding, c.updated_at, $3
               FROM external_embeddings b JOIN content_items c ON c.id = b.content_id
              WHERE public.vector_dims(b.embedding) = $2 AND c.deleted_at IS NULL
             ON CONFLICT (model_version_id, content_id) DO UPDATE
                SET embedding = excluded.embedding, written_at = excluded.written_at
              WHERE e.embedding::real[] <> excluded.embedding::real[]",
        )
        .bind(model.uuid())
        .bind(i32::try_from(dimensions).unwrap_or(i32::MAX))
        .bind(now)
        .execute(self.0.connection())
        .await?;
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM content_embeddings WHERE model_version_id = $1",
        )
        .bind(model.uuid())
        .fetch_one(self.0.connection())
        .await?;
        Ok(count.try_into().unwrap_or(0))
    }

    /// Makes the index that neighbours of this space are found by, and removes those of others.
    ///
    /// An index belongs to the owner of the table: who migrates, and not the role that this
    /// session acts as.
    pub(in crate::domain::embeddings) async fn index(
        &mut self,
        model: Id<id::Model>,
        dimensions: usize,
    ) -> Result<()> {
        let connection = self.0.connection();
        let role: String = sqlx::query_scalar("SELECT quote_ident(current_user)")
            .fetch_one(&mut *connection)
            .await?;
        connection
            .execute("SET ROLE NONE; SET maintenance_work_mem = '256MB'")
            .await?;
        let made = async {
            let old: Vec<String> = sqlx::query_scalar(
                "SELECT quote_ident(indexname) FROM pg_indexes
                  WHERE schemaname = current_schema() AND tablename = 'content_embeddings'
                    AND indexname LIKE 'content\\_embeddings\\_near\\_%'
                    AND indexname NOT IN (SELECT 'content_embeddings_near_' || replace(id::text, '-', '')
                                            FROM model_versions WHERE state = 'ACTIVE')",
            )
            .fetch_all(&mut *connection)
            .await?;
            for name in old {
                let drop = format!("DROP INDEX IF EXISTS {name}");
                connection
                    .execute(sqlx::raw_sql(AssertSqlSafe(drop)))
                    .await?;
            }
            let id = model.uuid();
            let create = format!(
                "CREATE INDEX content_embeddings_near_{} ON content_embeddings
                  USING hnsw ((embedding::public.vector({dimensions})) public.vector_cosine_ops)
                   WITH (m = 16, ef_construction = 128)
                  WHERE model_version_id = '{id}'",
                id.simple()
            );
            connection
                .execute(sqlx::raw_sql(AssertSqlSafe(create)))
                .await?;
            connection.execute("ANALYZE content_embeddings").await
        };
        let made = made.await;
        let back = format!("SET ROLE {role}");
        connection
            .execute(sqlx::raw_sql(AssertSqlSafe(back)))
            .await?;
        made?;
        Ok(())
    }

    /// Ends the session; another training may begin.
    pub(in crate::domain::embeddings) async fn close(self) -> Result<()> {
        self.0.close().await
    }
}
