//! Users by the ids that other systems give them.

use std::collections::HashMap;

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{DbBackend, EntityTrait, FromQueryResult, IntoActiveModel, Statement};
use uuid::Uuid;

use super::Store;
use crate::domain::users::model::User;
use crate::foundation::{ExternalId, Id, Result, id};
use crate::platform::db::entities::user::{self, Column};

impl Store {
    pub(in crate::domain::users) async fn named_by(
        &self,
        ids: &[ExternalId],
    ) -> Result<HashMap<ExternalId, Id<id::User>>> {
        #[derive(FromQueryResult)]
        struct Row {
            source: String,
            external_id: String,
            id: Uuid,
        }
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let sources: Vec<String> = ids.iter().map(|id| id.source.clone()).collect();
        let values: Vec<String> = ids.iter().map(|id| id.value.clone()).collect();
        let statement = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT users.source, users.external_id, users.id \
               FROM unnest($1::text[], $2::text[]) AS wanted (source, external_id) \
               JOIN users USING (source, external_id)",
            [sources.into(), values.into()],
        );
        // Who was created a moment ago may be named now.
        let rows = Row::find_by_statement(statement)
            .all(self.db.write())
            .await?;
        let found = rows.into_iter().map(|row| {
            let name = ExternalId {
                source: row.source,
                value: row.external_id,
            };
            (name, row.id.into())
        });
        Ok(found.collect())
    }

    /// Creates these users but for those whose external ids name users already.
    pub(in crate::domain::users) async fn create_missing(
        &self,
        users: impl IntoIterator<Item = User>,
    ) -> Result<()> {
        let mut rows: Vec<user::ActiveModel> = users
            .into_iter()
            .map(|user| user.into_row(None).into_active_model())
            .collect();
        // Always in the same order, so that two callers at once wait for each other and never both.
        rows.sort_by_cached_key(|row| row.external_id.clone().take().flatten());
        let named = OnConflict::columns([Column::Source, Column::ExternalId])
            .target_and_where(Expr::col(Column::Source).is_not_null())
            .do_nothing()
            .to_owned();
        // A statement holds 65,535 values, and a user has fewer than 20 columns.
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            user::Entity::insert_many(rows.by_ref().take(1000))
                .on_conflict(named.clone())
                .exec_without_returning(self.db.write())
                .await?;
        }
        Ok(())
    }
}
