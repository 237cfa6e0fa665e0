//! The stored lists of single users.

use sea_orm::FromQueryResult;
use uuid::Uuid;

use super::{Store, sql};
use crate::domain::recommendations::refresh::Row;
use crate::foundation::{Id, Result, id};
use crate::platform::db::filter;

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
        rows: &[Row],
    ) -> Result<Vec<Uuid>> {
        let mut written = Vec::with_capacity(rows.len());
        for row in rows {
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
                    row.items.clone().into(),
                    row.scores.clone().into(),
                    row.because.clone().into(),
                ],
            );
            let user = User::find_by_statement(statement).one(self.db.write());
            written.extend(user.await?.map(|user| user.id));
        }
        Ok(written)
    }
}
