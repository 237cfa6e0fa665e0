//! What a training reads and writes, on a connection of its own that holds the training's lock.

use rustc_hash::FxHashSet;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Store;
use super::histories::{self, UserHistory};
use crate::foundation::Result;
use crate::platform::db::copy::Rows;

/// The right to train, and the connection that holds it: it goes with the process, however that
/// ends.
pub(in crate::domain::recommendations) struct TrainingStore {
    connection: PgConnection,
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
        sqlx::raw_sql("SET statement_timeout = 0; SET work_mem = '64MB'")
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

    /// Hands every user who did something to `each`, in no order, without holding them all.
    pub(in crate::domain::recommendations) async fn histories(
        &mut self,
        each: impl FnMut(UserHistory) -> Result<()> + Send,
    ) -> Result<()> {
        histories::each(&mut self.connection, histories::ALL_TIME, each).await
    }

    /// The items that may be recommended at all.
    pub(in crate::domain::recommendations) async fn offered(&mut self) -> Result<Vec<Uuid>> {
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
