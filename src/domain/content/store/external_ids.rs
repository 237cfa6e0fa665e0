//! The ids that other systems give to items.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use futures::FutureExt;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, FromQueryResult, IntoActiveModel,
    Statement,
};
use uuid::Uuid;

use super::Store;
use super::credits::write_credits;
use crate::domain::content::model::{Content, NewCredit};
use crate::foundation::{ExternalId, Id, Result, Rng, id};
use crate::platform::db::entities::{content_external_id, content_item};

impl Store {
    /// The items that these ids name. Of several that one id names, the one that came first.
    pub(in crate::domain::content) async fn named_by(
        &self,
        ids: &[ExternalId],
    ) -> Result<HashMap<ExternalId, Id<id::Content>>> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        // What was made a moment ago may be acted upon now.
        named_by(self.db.write(), ids).await
    }

    /// Creates the items that `wanted` has and that no item is named by yet, each with its external id; answers
    /// whom all of them name.
    pub(in crate::domain::content) async fn create_missing(
        &self,
        wanted: Vec<(ExternalId, Content)>,
    ) -> Result<HashMap<ExternalId, Id<id::Content>>> {
        self.db
            .transaction(move |tx| async move { create_missing(tx, wanted).await }.boxed())
            .await
    }

    /// Creates an item with external ids, unless items are named by some of them: answers those then, and creates
    /// nothing.
    pub(in crate::domain::content) async fn insert_named(
        &self,
        content: Content,
        credits: Vec<NewCredit>,
        names: Vec<ExternalId>,
        rng: Rng,
    ) -> Result<HashMap<ExternalId, Id<id::Content>>> {
        self.db
            .transaction(move |tx| {
                async move {
                    one_at_a_time(tx).await?;
                    let known = named_by(tx, &names).await?;
                    if !known.is_empty() {
                        return Ok(known);
                    }
                    let (id, now): (_, DateTime<Utc>) = (content.id, content.created_at);
                    content_item::Entity::insert(
                        content_item::Model::from(content).into_active_model(),
                    )
                    .exec_without_returning(tx)
                    .await?;
                    write_credits(tx, id, credits, now, &rng).await?;
                    let names = names.into_iter().map(|name| named(name, id));
                    content_external_id::Entity::insert_many(names)
                        .exec_without_returning(tx)
                        .await?;
                    Ok(HashMap::new())
                }
                .boxed()
            })
            .await
    }
}

async fn create_missing(
    tx: &DatabaseTransaction,
    mut wanted: Vec<(ExternalId, Content)>,
) -> Result<HashMap<ExternalId, Id<id::Content>>> {
    one_at_a_time(tx).await?;
    let names: Vec<ExternalId> = wanted.iter().map(|(name, _)| name.clone()).collect();
    let mut known = named_by(tx, &names).await?;
    wanted.retain(|(name, _)| !known.contains_key(name));
    if wanted.is_empty() {
        return Ok(known);
    }
    let mut rows = Vec::with_capacity(wanted.len());
    let mut ids = Vec::with_capacity(wanted.len());
    for (name, content) in wanted {
        known.insert(name.clone(), content.id);
        ids.push(named(name, content.id));
        rows.push(content_item::Model::from(content).into_active_model());
    }
    // A statement holds 65,535 values, and an item has fewer than 60 columns.
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        content_item::Entity::insert_many(rows.by_ref().take(500))
            .exec_without_returning(tx)
            .await?;
    }
    content_external_id::Entity::insert_many(ids)
        .exec_without_returning(tx)
        .await?;
    Ok(known)
}

/// Two transactions that create items by external ids follow each other: several items may have one external id, so
/// that no constraint keeps a second from being created at the same moment.
async fn one_at_a_time(tx: &DatabaseTransaction) -> Result<()> {
    tx.execute_raw(Statement::from_string(
        DbBackend::Postgres,
        "SELECT pg_advisory_xact_lock(hashtext('content_external_ids'), hashtext(current_schema()))",
    ))
    .await?;
    Ok(())
}

async fn named_by(
    connection: &impl ConnectionTrait,
    ids: &[ExternalId],
) -> Result<HashMap<ExternalId, Id<id::Content>>> {
    #[derive(FromQueryResult)]
    struct Row {
        source: String,
        external_id: String,
        content_id: Uuid,
    }
    let sources: Vec<String> = ids.iter().map(|id| id.source.clone()).collect();
    let values: Vec<String> = ids.iter().map(|id| id.value.clone()).collect();
    let statement = Statement::from_sql_and_values(
        DbBackend::Postgres,
        "SELECT DISTINCT ON (named.source, named.external_id) named.source, named.external_id, named.content_id \
           FROM unnest($1::text[], $2::text[]) AS wanted (source, external_id) \
           JOIN content_external_ids AS named USING (source, external_id) \
           JOIN content_items AS item ON item.id = named.content_id AND item.deleted_at IS NULL \
          ORDER BY named.source, named.external_id, item.created_at, item.id",
        [sources.into(), values.into()],
    );
    let rows = Row::find_by_statement(statement).all(connection).await?;
    let found = rows.into_iter().map(|row| {
        let name = ExternalId {
            source: row.source,
            value: row.external_id,
        };
        (name, row.content_id.into())
    });
    Ok(found.collect())
}

fn named(name: ExternalId, content: Id<id::Content>) -> content_external_id::ActiveModel {
    content_external_id::Model {
        content_id: content.uuid(),
        source: name.source,
        external_id: name.value,
    }
    .into_active_model()
}
