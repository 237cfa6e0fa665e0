//! Counting rows.

use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Statement};

use super::service::Counts;
use crate::foundation::Result;
use crate::platform::db::Db;

#[derive(Clone)]
pub(super) struct Store {
    db: Db,
}

impl Store {
    pub(super) fn new(db: Db) -> Self {
        Self { db }
    }

    pub(super) async fn ping(&self) -> Result<()> {
        self.db.read().execute_unprepared("SELECT 1").await?;
        self.db.write().execute_unprepared("SELECT 1").await?;
        Ok(())
    }

    pub(super) async fn counts(&self) -> Result<Counts> {
        #[derive(FromQueryResult)]
        struct Row {
            users: i64,
            contents: i64,
            people: i64,
            interactions: i64,
        }
        let statement = Statement::from_string(
            DbBackend::Postgres,
            "SELECT (SELECT count(*) FROM users) AS users,
                    (SELECT count(*) FROM content_items WHERE deleted_at IS NULL) AS contents,
                    (SELECT count(*) FROM people) AS people,
                    (SELECT count(*) FROM interactions) AS interactions",
        );
        let row = Row::find_by_statement(statement)
            .one(self.db.read())
            .await?
            .ok_or_else(|| anyhow::anyhow!("a count without a row"))?;
        Ok(Counts {
            users: row.users,
            contents: row.contents,
            people: row.people,
            interactions: row.interactions,
        })
    }
}
