//! What users did, in the database.

use sea_orm::{DbBackend, FromQueryResult, Statement};
use uuid::Uuid;

use crate::engine::history::Event;
use crate::foundation::{Id, Result, id};
use crate::platform::db::{Db, stored};

/// So many of the latest things a user did are read. Whoever did more gets the oldest back.
const REMEMBERED: i64 = 20_000;

#[derive(Clone)]
pub(super) struct Store {
    db: Db,
}

impl Store {
    pub(super) fn new(db: Db) -> Self {
        Self { db }
    }

    /// What the user did, the latest first; read from where the last write went. All of it stands in one
    /// index.
    pub(super) async fn events(&self, user: Id<id::User>) -> Result<Vec<Event>> {
        #[derive(FromQueryResult)]
        struct Row {
            id: Uuid,
            content_id: Uuid,
            kind: String,
            value: Option<f32>,
        }
        let statement = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT id, content_id, kind, value FROM interactions
              WHERE user_id = $1 ORDER BY id DESC LIMIT $2",
            [user.uuid().into(), REMEMBERED.into()],
        );
        let rows = Row::find_by_statement(statement)
            .all(self.db.write())
            .await?;
        let events = rows.into_iter().map(|row| {
            Ok(Event {
                content: row.content_id.into(),
                kind: row.kind.parse().map_err(stored("interactions"))?,
                value: row.value,
                at: Id::<id::Interaction>::from(row.id).time(),
            })
        });
        events.collect()
    }
}
