//! Sessions for bulk work: imports and training, which take longer than a request may.
//!
//! A session is a connection of its own outside the pools. However its work ends, the connection
//! is closed with it, so that nothing of it (an open transaction, a lock, a temporary table, a
//! lifted time limit) can come back to a request.

use futures::future::BoxFuture;
use sqlx::{Connection, Executor, PgConnection, PgPool};

use super::{Db, migrate};
use crate::foundation::Result;

/// How a bulk session differs from a request's.
const SETTINGS: &str = "
    SET statement_timeout = 0;
    SET idle_in_transaction_session_timeout = 0;
    SET temp_buffers = '32MB';
    SET work_mem = '64MB';
    SET synchronous_commit = off";

/// A connection for bulk work.
pub struct Bulk {
    connection: PgConnection,
}

impl Db {
    /// Opens a session for bulk work.
    ///
    /// Its commits are atomic but reach the disk a moment later, up to [`Bulk::flush`]: a machine
    /// that fails in between loses the last of them, each as a whole.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn bulk(&self) -> Result<Bulk> {
        Bulk::open(self.pool()).await
    }

    /// The same for reading alone: from the replica, if there is one, however late it is.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn bulk_read(&self) -> Result<Bulk> {
        Bulk::open(self.ro.pool()).await
    }
}

impl Bulk {
    async fn open(pool: &PgPool) -> Result<Self> {
        let mut connection = pool.acquire().await?.detach();
        connection.execute(sqlx::raw_sql(SETTINGS)).await?;
        Ok(Self { connection })
    }

    /// Takes the lock on `what` in this schema's name and keeps it while the session lives, or
    /// answers `false` where another session has it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn try_lock(&mut self, what: &str) -> Result<bool> {
        // A lock whose holder has just gone is free once the database has noticed.
        let mut tries = 20;
        loop {
            let free: bool = sqlx::query_scalar(
                "SELECT pg_try_advisory_lock($1, hashtext(current_schema() || $2))",
            )
            .bind(migrate::LOCK_SPACE)
            .bind(format!(".{what}"))
            .fetch_one(&mut self.connection)
            .await?;
            tries -= 1;
            if free || tries == 0 {
                return Ok(free);
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    /// The connection, for single statements and for temporary tables.
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Runs `work` in one transaction: committed if it answers `Ok`, else rolled back. A caller
    /// that is dropped meanwhile takes the session with it, and the database rolls back.
    ///
    /// # Errors
    /// Those of `work`, and of the database.
    pub async fn transaction<T, F>(&mut self, work: F) -> Result<T>
    where
        F: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T>> + Send,
    {
        let mut transaction = Connection::begin(&mut self.connection).await?;
        let done = work(&mut transaction).await?;
        transaction.commit().await?;
        Ok(done)
    }

    /// Runs `work` in one transaction and waits until it, and all that was committed before, is
    /// on the disk. It must write something.
    ///
    /// # Errors
    /// Those of `work`, and of the database.
    pub async fn flush<T, F>(&mut self, work: F) -> Result<T>
    where
        F: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T>> + Send,
    {
        self.connection
            .execute("SET synchronous_commit = on")
            .await?;
        self.transaction(work).await
    }

    /// Ends the session in order. Its locks are free when this answers, while those of a session
    /// that is dropped are freed once the database notices.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn close(mut self) -> Result<()> {
        self.connection
            .execute("SELECT pg_advisory_unlock_all()")
            .await?;
        self.connection.close().await?;
        Ok(())
    }
}
