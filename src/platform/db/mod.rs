//! The database: pools for one schema, transactions that a dropped request cannot leave open.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use sea_orm::{DatabaseConnection, DatabaseTransaction, SqlxPostgresConnector};
use secrecy::ExposeSecret;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

use self::read::ReadConnection;
use super::config::{self, SchemaName};
use crate::foundation::{Error, Result};
pub use foundation::database::broken_constraint;

pub mod audit;
pub mod bulk;
pub mod copy;
pub mod entities;
pub mod filter;
pub mod keyset;
pub mod migrate;
pub mod migration_status;
mod partition_indexes;
pub mod primary;
pub mod read;
mod restored;
pub mod snapshot;
pub mod versions;

/// The role that mutations and jobs act as, where the database has it.
pub const READ_WRITE_ROLE: &str = "marquee_rw";
/// The role that queries act as, where the database has it.
pub const READ_ONLY_ROLE: &str = "marquee_ro";
/// The role that owns the schemas, where the database has it.
pub const ADMIN_ROLE: &str = "marquee_admin";

/// The pools of one schema: one that reads and writes, one that only reads.
#[derive(Clone)]
pub struct Db {
    schema: SchemaName,
    rw: DatabaseConnection,
    ro: ReadConnection,
    /// Where queries go that must see the latest write.
    primary: ReadConnection,
    /// Whether queries go to another database than mutations, which may lag behind.
    replica: bool,
    statements: Arc<AtomicU64>,
}

impl Db {
    /// Opens the pools of `schema`; `url` is the database of [`migrate::run`].
    ///
    /// # Errors
    /// When the database does not answer or refuses the login.
    pub async fn connect(
        settings: &config::Database,
        url: &str,
        schema: &SchemaName,
    ) -> anyhow::Result<Self> {
        let own = |own: &secrecy::SecretString| match own.expose_secret() {
            "" => url.to_owned(),
            own => own.to_owned(),
        };
        let (rw_url, ro_url) = (own(&settings.rw_url), own(&settings.ro_url));
        let rw = pool(settings, &rw_url, schema, Access::ReadWrite).await?;
        let ro = pool(settings, &ro_url, schema, Access::ReadOnly).await?;
        let statements = Arc::new(AtomicU64::new(0));
        let connection = |pool| {
            let mut connection = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
            let counter = Arc::clone(&statements);
            connection.set_metric_callback(move |_| {
                counter.fetch_add(1, Ordering::Relaxed);
            });
            connection
        };
        let reads = |connection, connections| {
            let share = settings.anonymous_share;
            let timeout = Duration::from_millis(settings.acquire_timeout_ms);
            ReadConnection::new(connection, connections, share, timeout)
        };
        let rw = connection(rw);
        Ok(Self {
            schema: schema.clone(),
            ro: reads(connection(ro), settings.ro_connections),
            primary: reads(rw.clone(), settings.rw_connections),
            rw,
            replica: rw_url != ro_url,
            statements,
        })
    }

    /// The schema that these pools see.
    pub fn schema(&self) -> &SchemaName {
        &self.schema
    }

    /// For queries. It may be a replica that lags behind [`Db::write`]; inside of
    /// [`primary::from_primary`] it is not.
    pub fn read(&self) -> &ReadConnection {
        if self.replica && primary::reads_from_primary() {
            return &self.primary;
        }
        &self.ro
    }

    /// Whether queries may go to a replica.
    pub fn has_replica(&self) -> bool {
        self.replica
    }

    /// For single statements that write, and for reads that must see the latest write.
    pub fn write(&self) -> &DatabaseConnection {
        &self.rw
    }

    /// How many statements have gone through [`Db::read`] and [`Db::write`] so far.
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// Runs `work` in one transaction: committed if it answers `Ok`, else rolled back.
    ///
    /// It runs in a task of its own, so that it ends one way or the other even when the caller is
    /// dropped: `sqlx` 0.9 puts a connection whose `BEGIN` was cancelled back into the pool with
    /// the transaction open.
    ///
    /// # Errors
    /// Those of `work`, and of the database.
    pub async fn transaction<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c DatabaseTransaction) -> BoxFuture<'c, Result<T>> + Send + 'static,
    {
        self.transaction_then(|_| (), work).await
    }

    /// The same, and `then` right after the commit: it runs even when the caller is dropped, so
    /// that what is remembered in the process never outlives what the transaction has ended.
    ///
    /// # Errors
    /// Those of `work`, and of the database.
    pub async fn transaction_then<T, F>(
        &self,
        then: impl FnOnce(&T) + Send + 'static,
        work: F,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c DatabaseTransaction) -> BoxFuture<'c, Result<T>> + Send + 'static,
    {
        use sea_orm::TransactionTrait;
        let db = self.rw.clone();
        let task = tokio::spawn(async move {
            #[expect(
                clippy::disallowed_methods,
                reason = "the one place where a transaction begins"
            )]
            let transaction = db.begin().await?;
            match work(&transaction).await {
                Ok(done) => {
                    transaction.commit().await?;
                    then(&done);
                    Ok(done)
                }
                Err(error) => {
                    // The caller hears why the work failed; that the rollback failed too adds
                    // nothing, since the connection is closed with it.
                    let _ = transaction.rollback().await;
                    Err(error)
                }
            }
        });
        match task.await {
            Ok(outcome) => outcome,
            Err(panicked) => Err(Error::Internal(panicked.into())),
        }
    }

    /// The pool below [`Db::write`], for COPY and long statements of imports and training.
    pub fn pool(&self) -> &PgPool {
        self.rw.get_postgres_connection_pool()
    }

    /// Closes both pools, waiting for what is under way.
    pub async fn close(&self) {
        self.rw.get_postgres_connection_pool().close().await;
        self.ro.pool().close().await;
    }
}

/// A statement whose request is gone may still run for so long; then its connection is closed.
const ABANDONED: Duration = Duration::from_millis(100);

/// How often Postgres looks whether the client of a statement is still there, in milliseconds.
const CLIENT_CHECK_MS: u32 = 500;

/// After so long without use a connection may have died unseen.
const STALE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, PartialEq)]
enum Access {
    ReadWrite,
    ReadOnly,
}

async fn pool(
    settings: &config::Database,
    url: &str,
    schema: &SchemaName,
    access: Access,
) -> anyhow::Result<PgPool> {
    let (role, connections) = match access {
        Access::ReadWrite => (READ_WRITE_ROLE, settings.rw_connections),
        Access::ReadOnly => (READ_ONLY_ROLE, settings.ro_connections),
    };
    let options = options(url)?;
    let mut options = if may_act_as(&options, role).await? {
        options.options([("role", role)])
    } else {
        options
    };
    options = options.options([
        ("search_path", format!("{},public", schema.quoted())),
        (
            "statement_timeout",
            settings.statement_timeout_ms.to_string(),
        ),
        (
            "idle_in_transaction_session_timeout",
            settings.idle_in_transaction_timeout_ms.to_string(),
        ),
        (
            "client_connection_check_interval",
            CLIENT_CHECK_MS.to_string(),
        ),
    ]);
    if access == Access::ReadOnly {
        options = options.options([("default_transaction_read_only", "on")]);
    }
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_millis(settings.acquire_timeout_ms))
        .after_release(|connection, _| Box::pin(is_idle(connection)))
        .test_before_acquire(false) // `outside_transaction` is the test
        .before_acquire(move |connection, known| {
            // Nobody begins a transaction on the pool that only reads (see `Db::transaction`), so
            // there a connection that was good a moment ago is good: a statement less to wait for.
            let fresh = access == Access::ReadOnly && known.idle_for < STALE;
            Box::pin(async move { Ok(fresh || outside_transaction(connection).await?) })
        })
        .connect_lazy_with(options);
    Ok(pool)
}

/// Reads a database URL; the error does not repeat it, since it may hold a password.
pub(crate) fn options(url: &str) -> anyhow::Result<PgConnectOptions> {
    let options: PgConnectOptions = url
        .parse()
        .map_err(|_| anyhow::anyhow!("the database URL cannot be read"))?;
    Ok(options
        .application_name("marquee")
        .statement_cache_capacity(256))
}

/// Whether the login of `options` may act as `role`.
async fn may_act_as(options: &PgConnectOptions, role: &str) -> anyhow::Result<bool> {
    use sqlx::ConnectOptions;
    let mut connection = options
        .connect()
        .await
        .map_err(|error| anyhow::anyhow!("the database does not answer: {error}"))?;
    let found: Option<bool> = sqlx::query_scalar(
        "SELECT pg_has_role(current_user, oid, 'MEMBER') FROM pg_roles WHERE rolname = $1",
    )
    .bind(role)
    .fetch_optional(&mut connection)
    .await?;
    Ok(found.unwrap_or(false))
}

/// Whether a connection that comes back to the pool has nothing to do. Where a request went away, its statement
/// still runs: without this it would hold the connection until its end, for an answer that nobody reads. The pool
/// closes the connection instead, and Postgres, which sees that, ends the statement.
async fn is_idle(connection: &mut sqlx::PgConnection) -> sqlx::Result<bool> {
    use sqlx::Connection;
    match tokio::time::timeout(ABANDONED, connection.flush()).await {
        Ok(flushed) => flushed.map(|()| true),
        Err(_) => Ok(false),
    }
}

/// Whether a pooled connection is alive and outside any transaction; if not, the pool drops it.
///
/// Sent as a simple query, a statement's own transaction starts with it to the microsecond; inside
/// an open transaction it starts later.
async fn outside_transaction(connection: &mut sqlx::PgConnection) -> sqlx::Result<bool> {
    use sqlx::{Executor, Row};
    let row = connection
        .fetch_one(sqlx::raw_sql(
            "SELECT statement_timestamp() = transaction_timestamp() AS outside",
        ))
        .await?;
    row.try_get("outside")
}

/// What to say of a text in `table` that none of the names it may have is, though the table's own
/// checks should have kept it out.
pub fn stored(table: &'static str) -> impl Fn(String) -> Error {
    move |error| anyhow::anyhow!("{table} holds what it may not: {error}").into()
}
