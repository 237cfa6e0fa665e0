//! The state of stored lists, polled for subscribers.

use std::collections::HashMap;

use sea_orm::FromQueryResult;
use uuid::Uuid;

use super::{Store, sql};
use crate::domain::recommendations::updates::ListState;
use crate::foundation::{Id, Result, id};
use crate::platform::db::filter;

impl Store {
    /// The latest interaction of each of these users after `since`, and the version of their stored list:
    /// the transaction that wrote it.
    pub(in crate::domain::recommendations) async fn list_states(
        &self,
        users: &[Id<id::User>],
        since: Id<id::Interaction>,
    ) -> Result<HashMap<Id<id::User>, ListState>> {
        #[derive(FromQueryResult)]
        struct Row {
            id: Uuid,
            latest: Option<Uuid>,
            stored: Option<i64>,
        }
        let statement = sql(
            "SELECT u.id, \
                    (SELECT i.id FROM interactions i WHERE i.user_id = u.id AND i.id > $2 \
                      ORDER BY i.id DESC LIMIT 1) AS latest, \
                    (SELECT b.xmin::text::bigint FROM batch_recommendations b \
                      WHERE b.user_id = u.id AND b.model_version_id = \
                            (SELECT id FROM model_versions \
                              WHERE kind = 'COLLABORATIVE' AND state = 'ACTIVE')) AS stored \
               FROM unnest($1::uuid[]) AS u (id)",
            [filter::uuids(users.iter().copied()), since.uuid().into()],
        );
        let rows = Row::find_by_statement(statement)
            .all(self.db.write())
            .await?;
        let states = rows.into_iter().map(|row| {
            let state = ListState {
                latest: row.latest.map(Into::into),
                stored: row.stored,
            };
            (row.id.into(), state)
        });
        Ok(states.collect())
    }
}
