//! The stored lists of single users.

use futures::FutureExt;
use sea_orm::{ConnectionTrait, FromQueryResult};
use uuid::Uuid;

use super::{Store, sql};
use crate::domain::recommendations::refresh::Row;
use crate::domain::recommendations::updates::ListRefreshed;
use crate::foundation::{Id, Result, id};
use crate::platform::db::filter;
use crate::platform::events;

#[derive(FromQueryResult)]
struct User {
    id: Uuid,
}

impl Store {
    /// The next users behind `after` in the order of their ids; those that were merged into others
    /// are left out.
    pub(in crate::domain::recommendations) async fn users_after(
        &self,
        after: Option<Id<id::User>>,
        most: usize,
    ) -> Result<Vec<Id<id::User>>> {
        let statement = sql(
            "SELECT id FROM users WHERE id > $1 AND merged_into IS NULL ORDER BY id LIMIT $2",
            [
                after.map_or_else(Uuid::nil, Id::uuid).into(),
                (most as i64).into(),
            ],
        );
        let rows = User::find_by_statement(statement)
            .all(self.db.read())
            .await?;
        Ok(rows.into_iter().map(|user| user.id.into()).collect())
    }

    /// Whether all of these are there.
    pub(in crate::domain::recommendations) async fn are_there(
        &self,
        users: &[Id<id::User>],
    ) -> Result<bool> {
        let statement = sql(
            "SELECT id FROM users WHERE id = ANY ($1)",
            [filter::uuids(users.iter().copied())],
        );
        let rows = User::find_by_statement(statement)
            .all(self.db.write())
            .await?;
        Ok(rows.len() == users.len())
    }

    /// Puts these lists in the place of those of the same users, of one model; users and models
    /// that are gone are left out. Answers whose lists were written.
    pub(in crate::domain::recommendations) async fn replace_batch(
        &self,
        model: Id<id::Model>,
        rows: Vec<Row>,
    ) -> Result<Vec<Uuid>> {
        /// So many are written in one transaction.
        const TOGETHER: usize = 100;
        let mut written = Vec::with_capacity(rows.len());
        let mut rows = rows.into_iter();
        loop {
            let some: Vec<Row> = rows.by_ref().take(TOGETHER).collect();
            if some.is_empty() {
                return Ok(written);
            }
            let put = self.db.transaction(move |tx| {
                async move {
                    let mut users = Vec::with_capacity(some.len());
                    for row in some {
                        users.extend(replace(tx, model, row).await?);
                    }
                    let refreshed = users.iter().map(|user| ListRefreshed { user: *user });
                    events::append(tx, &Vec::from_iter(refreshed)).await?;
                    Ok(users)
                }
                .boxed()
            });
            written.extend(put.await?);
        }
    }
}

/// Puts a list in the place of the user's; says whose, if user and model are there.
async fn replace(
    tx: &impl ConnectionTrait,
    model: Id<id::Model>,
    row: Row,
) -> Result<Option<Uuid>> {
    let statement = sql(
        "INSERT INTO batch_recommendations \
             (model_version_id, user_id, content_ids, scores, because) \
         SELECT model_versions.id, users.id, $3, $4, $5 \
           FROM model_versions, users WHERE model_versions.id = $1 AND users.id = $2 \
         ON CONFLICT (model_version_id, user_id) DO UPDATE \
            SET content_ids = $3, scores = $4, because = $5 \
         RETURNING user_id AS id",
        [
            model.uuid().into(),
            row.user.into(),
            row.items.into(),
            row.scores.into(),
            row.because.into(),
        ],
    );
    let user = User::find_by_statement(statement).one(tx).await?;
    Ok(user.map(|user| user.id))
}
