//! What a training reads and writes, on a connection of its own that holds the training's lock.

use futures::TryStreamExt;
use rustc_hash::FxHashSet;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::Store;
use crate::domain::interactions::InteractionKind;
use crate::foundation::Result;
use crate::platform::db::copy::Rows;
use crate::platform::db::stored;

/// The right to train, and the connection that holds it: it goes with the process, however that
/// ends.
pub(in crate::domain::recommendations) struct TrainingStore {
    connection: PgConnection,
}

/// One interaction, as far as training cares.
pub(in crate::domain::recommendations) struct Taken {
    pub(in crate::domain::recommendations) user: Uuid,
    pub(in crate::domain::recommendations) item: Uuid,
    pub(in crate::domain::recommendations) kind: InteractionKind,
    pub(in crate::domain::recommendations) value: Option<f32>,
}

impl Store {
    /// The right to train; `None` while another training of the schema has it.
    pub(in crate::domain::recommendations) async fn begin_training(
        &self,
    ) -> Result<Option<TrainingStore>> {
        let mut connection = self.db.pool().acquire().await?.detach();
        // A lock whose holder has just gone is free once the database has noticed.
        let mut tries = 20;
        loop {
            let free: bool = sqlx::query_scalar(
                "SELECT pg_try_advisory_lock(hashtext('training'), hashtext(current_schema()))",
            )
            .fetch_one(&mut connection)
            .await?;
            if free {
                break;
            }
            tries -= 1;
            if tries == 0 {
                return Ok(None);
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        sqlx::query("SET statement_timeout = 0")
            .execute(&mut connection)
            .await?;
        Ok(Some(TrainingStore { connection }))
    }
}

impl TrainingStore {
    /// Gives the right to train back. A connection that is broken has given it back already.
    pub(in crate::domain::recommendations) async fn end(self) {
        if let Err(error) = sqlx::Connection::close(self.connection).await {
            tracing::debug!(%error, "The connection of a training did not close in order");
        }
    }

    /// Hands every interaction to `each`, in no order, without holding them all.
    pub(in crate::domain::recommendations) async fn interactions(
        &mut self,
        mut each: impl FnMut(Taken) -> Result<()> + Send,
    ) -> Result<()> {
        let mut rows = sqlx::query("SELECT user_id, content_id, kind, value FROM interactions")
            .fetch(&mut self.connection);
        while let Some(row) = rows.try_next().await? {
            let kind = row.try_get::<&str, _>(2)?;
            each(Taken {
                user: row.try_get(0)?,
                item: row.try_get(1)?,
                kind: kind.parse().map_err(stored("interactions"))?,
                value: row.try_get(3)?,
            })?;
        }
        Ok(())
    }

    /// The items that may be recommended at all.
    pub(in crate::domain::recommendations) async fn is_eligible(&mut self) -> Result<Vec<Uuid>> {
        let ids = sqlx::query_scalar(
            "SELECT id FROM content_items WHERE deleted_at IS NULL AND visibility = 'PUBLIC'",
        )
        .fetch_all(&mut self.connection)
        .await?;
        Ok(ids)
    }

    /// Copies rows of model, user, items, scores and reasons. `false`, and no row is copied, where
    /// a user is gone by now.
    pub(in crate::domain::recommendations) async fn keep(&mut self, rows: &Rows) -> Result<bool> {
        let target =
            "batch_recommendations (model_version_id, user_id, content_ids, scores, because)";
        rows.copy_unless_gone(&mut self.connection, target).await
    }

    /// Which of these users are there.
    pub(in crate::domain::recommendations) async fn present(
        &mut self,
        users: &[Uuid],
    ) -> Result<FxHashSet<Uuid>> {
        let present = sqlx::query_scalar("SELECT id FROM users WHERE id = ANY ($1)")
            .bind(users)
            .fetch_all(&mut self.connection)
            .await?;
        Ok(present.into_iter().collect())
    }
}
