//! What queries read from, and the share of it that requests of nobody may take.
//!
//! Who asks belongs to the task, as in [`super::primary`]: inside of [`for_nobody`] each statement takes one of a
//! few permits beside a connection, so that the last connections are left for those who are signed in.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::prelude::async_trait;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, Statement,
};
use sqlx::postgres::PgPool;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::foundation::database::NO_CONNECTION_FOR_NOBODY;

tokio::task_local! {
    /// Set while the work is that of a request without a token.
    static FOR_NOBODY: ();
}

/// Runs `work`, which is that of a request without a token.
pub async fn for_nobody<T>(work: impl Future<Output = T>) -> T {
    FOR_NOBODY.scope((), work).await
}

/// A pool that queries read from.
#[derive(Clone)]
pub struct ReadConnection {
    connection: DatabaseConnection,
    /// As many as statements of nobody may run at once.
    permits: Arc<Semaphore>,
    /// How long a statement of nobody waits for a permit.
    timeout: Duration,
}

impl ReadConnection {
    /// Reads from `connection`, of which nobody has `share` of `connections`: at least one, and not all.
    pub(super) fn new(
        connection: DatabaseConnection,
        connections: u32,
        share: f64,
        timeout: Duration,
    ) -> Self {
        let most = connections.saturating_sub(1).max(1);
        let permits = (f64::from(connections) * share) as u32;
        let permits = permits.clamp(1, most) as usize;
        Self {
            connection,
            permits: Arc::new(Semaphore::new(permits)),
            timeout,
        }
    }

    /// Leave to use one connection, to be kept as long as it is used. Who is signed in needs none.
    ///
    /// # Errors
    /// When nobody's share has been in use for too long.
    pub async fn permit(&self) -> Result<Option<SemaphorePermit<'_>>, DbErr> {
        if FOR_NOBODY.try_with(|()| ()).is_err() {
            return Ok(None);
        }
        match tokio::time::timeout(self.timeout, self.permits.acquire()).await {
            Ok(Ok(permit)) => Ok(Some(permit)),
            // Nobody closes the semaphore, so that the time is up.
            _ => Err(DbErr::Custom(NO_CONNECTION_FOR_NOBODY.to_owned())),
        }
    }

    /// The pool below, for statements that stream their rows; take a [`ReadConnection::permit`] before.
    pub fn pool(&self) -> &PgPool {
        self.connection.get_postgres_connection_pool()
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for ReadConnection {
    fn get_database_backend(&self) -> DbBackend {
        DbBackend::Postgres
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let _permit = self.permit().await?;
        self.connection.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let _permit = self.permit().await?;
        self.connection.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let _permit = self.permit().await?;
        self.connection.query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let _permit = self.permit().await?;
        self.connection.query_all_raw(statement).await
    }
}
