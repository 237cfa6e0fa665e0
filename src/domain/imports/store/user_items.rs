//! Merging users, their ratings and their tags.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::FutureExt;
use futures::future::BoxFuture;
use rustc_hash::{FxHashMap, FxHashSet};
use sqlx::PgConnection;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

use super::super::model::{RatingRow, RowCounts, Table, TagRow, UserItemRow};
use super::{Ids, MOVIELENS, Session, Stage, analyze};
use crate::foundation::{Id, Result, id};
use crate::platform::db::copy::Rows;

/// Users to create where they do not exist yet.
pub(in super::super) struct UserStage {
    ids: Ids,
    seen: FxHashSet<u64>,
    users: Rows,
}

impl UserStage {
    pub(in super::super) fn new(ids: Ids) -> Self {
        Self {
            ids,
            seen: FxHashSet::default(),
            users: Rows::new(),
        }
    }
}

impl Stage for UserStage {
    type Row = u64;

    fn push(&mut self, user: u64) {
        if self.seen.insert(user) {
            self.users.plain(self.ids.next::<id::User>()).plain(user);
            self.users.end();
        }
    }

    fn bytes(&self) -> usize {
        self.users.bytes()
    }

    fn merge(self, session: &mut Session) -> BoxFuture<'_, Result<Vec<(Table, RowCounts)>>> {
        let now = session.now;
        session
            .bulk
            .transaction(move |connection| {
                async move {
                    let added = users(&self.users, connection, now).await?;
                    let users = RowCounts {
                        added,
                        unchanged: self.users.len() as u64 - added,
                        ..RowCounts::default()
                    };
                    Ok(vec![(Table::Users, users)])
                }
                .boxed()
            })
            .boxed()
    }
}

/// Creates the users that do not exist, and locks all of them until the transaction ends.
async fn users(
    rows: &Rows,
    connection: &mut PgConnection,
    now: DateTime<Utc>,
) -> sqlx::Result<u64> {
    rows.copy_into(connection, "staged_users").await?;
    analyze(connection, "ANALYZE staged_users").await?;
    // Always in the same order, so that two chunks at once wait for each other and never both.
    let added = sqlx::query(
        "INSERT INTO users (id, display_name, source, external_id, created_at, updated_at) \
         SELECT s.id, 'MovieLens user ' || s.external_id, $1, s.external_id, $2, $2 \
         FROM staged_users s \
         WHERE NOT EXISTS (SELECT FROM users u \
                           WHERE u.source = $1 AND u.external_id = s.external_id) \
         ORDER BY s.external_id \
         ON CONFLICT (source, external_id) WHERE source IS NOT NULL DO NOTHING",
    )
    .bind(MOVIELENS)
    .bind(now)
    .execute(&mut *connection)
    .await?
    .rows_affected();
    // What foreign keys would do for each row, once for each user.
    sqlx::query(
        "SELECT count(*) FROM (SELECT FROM users u JOIN staged_users s \
         ON u.source = $1 AND u.external_id = s.external_id FOR KEY SHARE OF u) AS held",
    )
    .bind(MOVIELENS)
    .execute(connection)
    .await?;
    Ok(added)
}

/// Where the rows of a [`UserItemStage`] go.
#[derive(Clone, Copy)]
struct UserItemTable {
    table: Table,
    /// The temporary table that they are copied into.
    staged: &'static str,
    /// The statement that counts its rows for the planner.
    analyze: &'static str,
    /// The statement that inserts its rows; `$1` is the source of the users.
    insert: &'static str,
}

/// The common part of [`RatingStage`] and [`TagStage`]: the users, and the films by their number.
pub(in super::super) struct UserItemStage {
    users: UserStage,
    films: Arc<FxHashMap<u64, Uuid>>,
    rows: Rows,
    last_user: Option<u64>,
}

impl UserItemStage {
    /// Stages rows about `films`, which are named by their MovieLens number.
    pub(in super::super) fn new(ids: Ids, films: Arc<FxHashMap<u64, Uuid>>) -> Self {
        Self {
            users: UserStage::new(ids),
            films,
            rows: Rows::new(),
            last_user: None,
        }
    }

    /// The film of a row. Its user is staged too.
    fn film<T>(&mut self, row: &UserItemRow<T>) -> Option<Uuid> {
        let film = *self.films.get(&row.item)?;
        self.users.push(row.user);
        self.last_user = Some(row.user);
        Some(film)
    }

    fn bytes(&self) -> usize {
        self.users.bytes() + self.rows.bytes()
    }

    /// Copies the users and the rows, then inserts the rows where they belong.
    fn merge(
        self,
        session: &mut Session,
        target: UserItemTable,
    ) -> BoxFuture<'_, Result<Vec<(Table, RowCounts)>>> {
        let now = session.now;
        session
            .bulk
            .transaction(move |connection| {
                async move {
                    let users = RowCounts {
                        added: users(&self.users.users, connection, now).await?,
                        ..RowCounts::default()
                    };
                    self.rows.copy_into(connection, target.staged).await?;
                    analyze(connection, target.analyze).await?;
                    let insert = sqlx::query(target.insert).bind(MOVIELENS);
                    let added = insert.execute(connection).await?.rows_affected();
                    let rows = RowCounts {
                        added,
                        unchanged: self.rows.len() as u64 - added,
                        ..RowCounts::default()
                    };
                    Ok(vec![(Table::Users, users), (target.table, rows)])
                }
                .boxed()
            })
            .boxed()
    }
}

/// Ratings to be merged.
pub(in super::super) struct RatingStage(pub UserItemStage);

impl Stage for RatingStage {
    type Row = RatingRow;

    fn push(&mut self, row: RatingRow) {
        let (Some(film), Some(at)) = (self.0.film(&row), DateTime::from_timestamp(row.at, 0))
        else {
            return;
        };
        // The same rating has the same id in every run: that makes a second one harmless.
        let mut name = [0; 24];
        name[..8].copy_from_slice(&row.user.to_le_bytes());
        name[8..16].copy_from_slice(&row.item.to_le_bytes());
        name[16..].copy_from_slice(&row.at.to_le_bytes());
        let mut rest = [0; 10];
        let mixed = xxh3_128(&[b"movielens RATING ".as_slice(), &name].concat());
        rest.copy_from_slice(&mixed.to_le_bytes()[..10]);
        let id = Id::<id::Interaction>::at(at, rest).uuid();
        self.0
            .rows
            .plain(id)
            .plain(row.user)
            .plain(film)
            .plain(row.value)
            .plain(row.at);
        self.0.rows.end();
    }

    fn may_end_before(&self, next: &Self::Row) -> bool {
        self.0.last_user != Some(next.user)
    }

    fn bytes(&self) -> usize {
        self.0.bytes()
    }

    fn merge(self, session: &mut Session) -> BoxFuture<'_, Result<Vec<(Table, RowCounts)>>> {
        // By user, so that the index of users, which is the largest, grows at one place at a time;
        // so does that of ids where a user rated many films in a row. And always in the same order,
        // so that two chunks at once never both wait.
        let target = UserItemTable {
            table: Table::Ratings,
            staged: "staged_ratings",
            analyze: "ANALYZE staged_ratings",
            insert: "INSERT INTO interactions \
                 (id, user_id, content_id, kind, value, occurred_at, recorded_in) \
             SELECT s.id, COALESCE(u.merged_into, u.id), s.content_id, 'RATING', \
                    s.value, to_timestamp(s.at), NULL \
             FROM staged_ratings s \
             JOIN users u ON u.source = $1 AND u.external_id = s.user_ref \
             ORDER BY u.id, s.id \
             ON CONFLICT (id) DO NOTHING",
        };
        self.0.merge(session, target)
    }
}

/// Tags that users gave, to be merged.
pub(in super::super) struct TagStage(pub UserItemStage);

impl Stage for TagStage {
    type Row = TagRow;

    fn push(&mut self, row: TagRow) {
        if let Some(film) = self.0.film(&row) {
            let rows = &mut self.0.rows;
            rows.plain(row.user)
                .plain(film)
                .text(&row.value)
                .plain(row.at);
            rows.end();
        }
    }

    fn may_end_before(&self, next: &Self::Row) -> bool {
        self.0.last_user != Some(next.user)
    }

    fn bytes(&self) -> usize {
        self.0.bytes()
    }

    fn merge(self, session: &mut Session) -> BoxFuture<'_, Result<Vec<(Table, RowCounts)>>> {
        let target = UserItemTable {
            table: Table::Tags,
            staged: "staged_tags",
            analyze: "ANALYZE staged_tags",
            insert: "INSERT INTO content_tags (content_id, user_id, tag, tagged_at) \
             SELECT s.content_id, COALESCE(u.merged_into, u.id), s.tag, to_timestamp(s.at) \
             FROM staged_tags s \
             JOIN users u ON u.source = $1 AND u.external_id = s.user_ref \
             ORDER BY s.content_id, u.id, s.tag \
             ON CONFLICT (content_id, user_id, tag) DO NOTHING",
        };
        self.0.merge(session, target)
    }
}
