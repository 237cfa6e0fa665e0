//! Imports in the database: sessions with staging tables, and one merge for each sort of chunk.
//!
//! A chunk is copied into temporary tables and merged into the real ones in one transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, Utc};
use futures::FutureExt;
use futures::future::BoxFuture;
use rustc_hash::FxHashMap;
use serde_json::Value;
use sqlx::{Executor, PgConnection};
use uuid::Uuid;

use super::columns;
use super::model::{ImportSummary, RowCounts, Table};
use crate::foundation::id::Kind;
use crate::foundation::{Id, Refusal, Result, Rng};
use crate::platform::db::Db;
use crate::platform::db::bulk::Bulk;

mod accounts;
mod airings;
mod credits;
mod downloads;
mod factors;
mod interactions;
mod items;
mod user_items;

pub(super) use accounts::AccountStage;
pub(super) use airings::AiringStage;
pub(super) use credits::CreditStage;
pub(super) use downloads::Validators;
pub(super) use factors::Known;
pub(super) use interactions::InteractionStage;
pub(super) use items::{ItemStage, Policy};
pub(super) use user_items::{RatingStage, TagStage, UserItemStage, UserStage};

/// What MovieLens is called among the external ids.
pub(super) const MOVIELENS: &str = "movielens";
/// What TMDB is called among the external ids.
pub(super) const TMDB: &str = "tmdb";

/// The rows of one chunk, in the form in which they are copied.
pub(super) trait Stage: Send + Sized + 'static {
    /// What a reader answers.
    type Row: Send;

    /// Adds a row.
    fn push(&mut self, row: Self::Row);

    /// Whether a chunk may well end before this row. Two chunks that both bring a new user are
    /// merged one after the other, since each has to know whether the other makes them.
    fn may_end_before(&self, _next: &Self::Row) -> bool {
        true
    }

    /// Takes what was left out of a row: its line, and the names of fields with the reasons.
    fn take_warnings(_row: &mut Self::Row) -> (u64, Vec<(String, String)>) {
        (0, Vec::new())
    }

    /// How large the rows are.
    fn bytes(&self) -> usize;

    /// Merges the rows in one transaction.
    fn merge(self, session: &mut Session) -> BoxFuture<'_, Result<Vec<(Table, RowCounts)>>>;
}

/// The database of imports.
#[derive(Clone)]
pub(super) struct Store {
    db: Db,
}

/// A connection with staging tables.
pub(super) struct Session {
    bulk: Bulk,
    alone: bool,
    /// What is written into `created_at` and `updated_at`.
    now: DateTime<Utc>,
    /// Rows of the chunk that was merged last which the database could not take: the line and the reason of each.
    refused: Vec<(u64, String)>,
}

/// The staging tables beside that of items; they live with the session and are emptied with each transaction.
const STAGING: &str = "
    CREATE TEMPORARY TABLE staged_names (new_id uuid, source text, external_id text)
        ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE targets (new_id uuid, content_id uuid, fresh boolean)
        ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE staged_people (id uuid, external_id text, name text)
        ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE staged_cast (film text) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE staged_credits (
        film text, person text, role text, position integer, character text
    ) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE resolved_credits (
        content_id uuid, person_id uuid, role text, position integer, character text
    ) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE staged_users (id uuid, external_id text) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE staged_ratings (
        id uuid, user_ref text, content_id uuid, value real, at bigint
    ) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE staged_tags (
        user_ref text, content_id uuid, tag text, at bigint
    ) ON COMMIT DELETE ROWS";

impl Store {
    pub(super) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Opens a session.
    pub(super) async fn open(&self, now: DateTime<Utc>) -> Result<Session> {
        let mut bulk = self.db.bulk().await?;
        let tables = format!(
            "{}; {STAGING}; {}; {}; {}",
            columns::staging_table(),
            accounts::STAGING,
            airings::STAGING,
            interactions::STAGING
        );
        let tables = sqlx::raw_sql(sqlx::AssertSqlSafe(tables));
        bulk.connection().execute(tables).await?;
        Ok(Session {
            bulk,
            alone: false,
            now,
            refused: Vec::new(),
        })
    }

    /// Opens the session that holds the schema's lock on imports.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] while another import runs.
    pub(super) async fn open_alone(&self, now: DateTime<Utc>) -> Result<Session> {
        let mut session = self.open(now).await?;
        if session.bulk.try_lock("import").await? {
            session.alone = true;
            return Ok(session);
        }
        let schema = self.db.schema();
        Err(Refusal::Conflict {
            message: format!(
                "another import into the schema `{schema}` is running; start this one when it is done"
            ),
        }
        .into())
    }
}

impl Session {
    /// Whether it holds the schema's lock on imports.
    pub(super) fn holds_lock(&self) -> bool {
        self.alone
    }

    /// Takes the rows of the chunk that was merged last which could not be taken: the line and the reason of each.
    pub(super) fn take_refused(&mut self) -> Vec<(u64, String)> {
        std::mem::take(&mut self.refused)
    }

    /// The items that `source` numbers, by their number there. Of two that share one, either.
    pub(super) async fn numbered(&mut self, source: &str) -> Result<FxHashMap<u64, Uuid>> {
        let rows: Vec<(String, Uuid)> = sqlx::query_as(
            "SELECT external_id, content_id FROM content_external_ids WHERE source = $1",
        )
        .bind(source)
        .fetch_all(self.bulk.connection())
        .await?;
        Ok(rows
            .into_iter()
            .filter_map(|(name, id)| Some((name.parse().ok()?, id)))
            .collect())
    }

    /// Writes what was done into the audit log, and waits until all of it is on the disk.
    pub(super) async fn finish(
        mut self,
        id: Uuid,
        actor: String,
        action: &'static str,
        summary: &ImportSummary,
    ) -> Result<()> {
        let details = details(summary);
        let now = self.now;
        self.bulk
            .flush(move |connection| {
                async move {
                    sqlx::query(
                        "INSERT INTO audit_log (id, at, actor, action, details) \
                         VALUES ($1, $2, $3, $4, $5)",
                    )
                    .bind(id)
                    .bind(now)
                    .bind(actor)
                    .bind(action)
                    .bind(details)
                    .execute(connection)
                    .await?;
                    Ok(())
                }
                .boxed()
            })
            .await?;
        self.bulk.close().await
    }
}

fn details(summary: &ImportSummary) -> Value {
    let tables = summary
        .tables
        .iter()
        .map(|(table, counts)| (table.as_str().to_owned(), counts.to_json(*table)));
    Value::Object(tables.collect())
}

/// New ids in rising order, also from chunk to chunk, so that rows written together lie together in
/// their indexes.
#[derive(Clone)]
pub(super) struct Ids {
    now: DateTime<Utc>,
    rng: Rng,
    run: [u8; 3],
    next: Arc<AtomicU32>,
}

impl Ids {
    pub(super) fn new(now: DateTime<Utc>, rng: Rng) -> Self {
        Self {
            now,
            run: rng.bytes(),
            rng,
            next: Arc::default(),
        }
    }

    pub(super) fn next<K: Kind>(&self) -> Uuid {
        let mut rest = [0; 10];
        rest[..3].copy_from_slice(&self.run);
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        rest[3..7].copy_from_slice(&next.to_be_bytes());
        rest[7..].copy_from_slice(&self.rng.bytes::<3>());
        Id::<K>::at(self.now, rest).uuid()
    }
}

/// Tells the planner what has just been copied; autovacuum never sees temporary tables.
async fn analyze(connection: &mut PgConnection, tables: &'static str) -> sqlx::Result<()> {
    connection.execute(tables).await?;
    Ok(())
}
