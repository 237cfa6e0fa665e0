//! Merging users that are named by external ids.

use chrono::{DateTime, Utc};
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::PgConnection;

use super::super::model::{ImportedUser, RowCounts, Table};
use super::super::users::shown;
use super::{Ids, Session, Stage, analyze};
use crate::foundation::{Result, id};
use crate::platform::db::copy::Rows;

/// The staging table of users; it lives with the session and is emptied with each transaction.
pub(super) const STAGING: &str = "
    CREATE TEMPORARY TABLE staged_accounts (
        id uuid, source text, external_id text, display_name text, named boolean
    ) ON COMMIT DELETE ROWS";

/// Users of a file, to be created or renamed.
pub(in super::super) struct AccountStage {
    source: String,
    ids: Ids,
    rows: Rows,
}

impl AccountStage {
    /// Stages users whose external ids are of `source`.
    pub(in super::super) fn new(source: &str, ids: Ids) -> Self {
        Self {
            source: source.to_owned(),
            ids,
            rows: Rows::new(),
        }
    }
}

impl Stage for AccountStage {
    type Row = ImportedUser;

    fn push(&mut self, user: ImportedUser) {
        let label = user.name.clone().or_else(|| shown(&user.key));
        self.rows
            .plain(self.ids.next::<id::User>())
            .text(&self.source)
            .text(&user.key)
            .text(label.as_deref().unwrap_or("?"))
            .plain(user.name.is_some());
        self.rows.end();
    }

    fn bytes(&self) -> usize {
        self.rows.bytes()
    }

    fn merge(self, session: &mut Session) -> BoxFuture<'_, Result<Vec<(Table, RowCounts)>>> {
        let now = session.now;
        session
            .bulk
            .transaction(move |connection| accounts(self.rows, connection, now).boxed())
            .boxed()
    }
}

async fn accounts(
    rows: Rows,
    connection: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Vec<(Table, RowCounts)>> {
    rows.copy_into(connection, "staged_accounts").await?;
    analyze(connection, "ANALYZE staged_accounts").await?;
    // Who was there before, in the same order as those who create users, so that two never both wait.
    let updated = sqlx::query(
        "UPDATE users u SET display_name = s.display_name, updated_at = $1 \
         FROM staged_accounts s \
         WHERE u.source = s.source AND u.external_id = s.external_id \
           AND s.named AND u.display_name <> s.display_name",
    )
    .bind(now)
    .execute(&mut *connection)
    .await?
    .rows_affected();
    let added = sqlx::query(
        "INSERT INTO users (id, display_name, source, external_id, created_at, updated_at) \
         SELECT s.id, s.display_name, s.source, s.external_id, $1, $1 FROM staged_accounts s \
         WHERE NOT EXISTS (SELECT FROM users u \
                           WHERE u.source = s.source AND u.external_id = s.external_id) \
         ORDER BY s.external_id \
         ON CONFLICT (source, external_id) WHERE source IS NOT NULL DO NOTHING",
    )
    .bind(now)
    .execute(connection)
    .await?
    .rows_affected();
    let counts = RowCounts {
        added,
        updated,
        unchanged: (rows.len() as u64).saturating_sub(added + updated),
        ..RowCounts::default()
    };
    Ok(vec![(Table::Users, counts)])
}
