//! Vectors that callers bring.

use chrono::{DateTime, Utc};
use futures::FutureExt;
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::{Store, literal};
use crate::foundation::{Id, Result, id};

impl Store {
    /// Keeps the vector of an item, and puts it into the space of `model` and into the one that is
    /// active by now, if it has its dimensions. Answers `false` for an item that is not there.
    pub(in crate::domain::embeddings) async fn set_external(
        &self,
        content: Id<id::Content>,
        vector: &[f32],
        model: Id<id::Model>,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let dimensions = vector.len().to_string();
        let vector = literal(vector);
        self.db
            .transaction(move |tx| {
                async move {
                    let kept = sql(
                        "INSERT INTO external_embeddings (content_id, embedding, set_at)
                         SELECT id, $2::public.vector, $3 FROM content_items
                          WHERE id = $1 AND deleted_at IS NULL
                         ON CONFLICT (content_id) DO UPDATE
                            SET embedding = excluded.embedding, set_at = excluded.set_at",
                        [content.uuid().into(), vector.clone().into(), now.into()],
                    );
                    if tx.execute_raw(kept).await?.rows_affected() == 0 {
                        return Ok(false);
                    }
                    let embedded = sql(
                        "INSERT INTO content_embeddings
                                (model_version_id, content_id, embedding, item_updated_at, written_at)
                         SELECT m.id, c.id, $3::public.vector, c.updated_at, $4
                           FROM content_items c, model_versions m
                          WHERE c.id = $2
                            AND (m.id = $1 OR m.kind = 'EMBEDDING' AND m.state = 'ACTIVE'
                                 AND m.settings ->> 'dimensions' = $5)
                         ON CONFLICT (model_version_id, content_id) DO UPDATE
                            SET embedding = excluded.embedding, written_at = excluded.written_at",
                        [
                            model.uuid().into(),
                            content.uuid().into(),
                            vector.into(),
                            now.into(),
                            dimensions.into(),
                        ],
                    );
                    tx.execute_raw(embedded).await?;
                    Ok(true)
                }
                .boxed()
            })
            .await
    }

    /// Forgets the vector that was brought for an item; answers whether there was one.
    pub(in crate::domain::embeddings) async fn delete_external(
        &self,
        content: Id<id::Content>,
    ) -> Result<bool> {
        let gone = sql(
            "DELETE FROM external_embeddings WHERE content_id = $1",
            [content.uuid().into()],
        );
        let gone = self.db.write().execute_raw(gone).await?;
        Ok(gone.rows_affected() > 0)
    }
}

fn sql(text: &str, values: impl IntoIterator<Item = sea_orm::Value>) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, text, values)
}
