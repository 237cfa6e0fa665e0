//! Content items, their credits, tags and outer names in the database.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use futures::FutureExt;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, FromQueryResult, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::model::{
    Content, ContentFilter, ContentOrder, Credit, Fields, ItemVisibility, NewCredit, TagCount,
    Visibility,
};
use super::service::not_found;
use crate::domain::auth::Viewer;
use crate::foundation::page::Window;
use crate::foundation::{ExternalId, Id, Result, Rng, id};
use crate::platform::db::entities::{content_external_id, content_item, content_tag, credit};
use crate::platform::db::{Db, filter, stored};

use content_item::Column;

mod catalogue;
mod credits;
mod external_ids;
mod facets;
mod filmography;
mod listing;
mod rows;

use credits::write_credits;
use listing::{keyset, listed};

#[derive(Clone)]
pub(super) struct Store {
    db: Db,
}

impl Store {
    pub(super) fn new(db: Db) -> Self {
        Self { db }
    }

    pub(super) async fn find_many(&self, ids: &[Id<id::Content>]) -> Result<Vec<Content>> {
        let rows = content_item::Entity::find()
            .filter(filter::among(Column::Id, ids.iter().copied()))
            .filter(Column::DeletedAt.is_null())
            .all(self.db.read())
            .await?;
        rows.into_iter().map(Content::try_from).collect()
    }

    /// What decides who may see each of these items, without the rest of them.
    pub(super) async fn visibilities(
        &self,
        ids: impl Iterator<Item = Id<id::Content>>,
    ) -> Result<HashMap<Id<id::Content>, ItemVisibility>> {
        let rows: Vec<(Uuid, String, Option<Uuid>)> = content_item::Entity::find()
            .select_only()
            .columns([Column::Id, Column::Visibility, Column::CreatorId])
            .filter(filter::among(Column::Id, ids))
            .filter(Column::DeletedAt.is_null())
            .into_tuple()
            // What was made a moment ago may be acted upon now.
            .all(self.db.write())
            .await?;
        let visibilities = rows.into_iter().map(|(id, visibility, creator)| {
            let visibility: Visibility = visibility.parse().map_err(stored("content_items"))?;
            Ok((id.into(), (visibility, creator.map(Into::into))))
        });
        visibilities.collect()
    }

    pub(super) async fn list(
        &self,
        viewer: &Viewer,
        filter: &ContentFilter,
        (order, ascending): (ContentOrder, bool),
        window: &Window,
    ) -> Result<Vec<Content>> {
        let select = listed(viewer, filter);
        let rows = keyset(order, ascending)
            .apply(select, window)?
            .all(self.db.read())
            .await?;
        rows.into_iter().map(Content::try_from).collect()
    }

    pub(super) async fn count(&self, viewer: &Viewer, filter: &ContentFilter) -> Result<u64> {
        Ok(listed(viewer, filter).count(self.db.read()).await?)
    }

    pub(super) async fn insert(
        &self,
        content: Content,
        credits: Vec<NewCredit>,
        rng: Rng,
    ) -> Result<()> {
        self.db
            .transaction(move |tx| {
                async move {
                    let (id, now) = (content.id, content.created_at);
                    content_item::Entity::insert(
                        content_item::Model::from(content).into_active_model(),
                    )
                    .exec_without_returning(tx)
                    .await?;
                    write_credits(tx, id, credits, now, &rng).await
                }
                .boxed()
            })
            .await
    }

    pub(super) async fn update(
        &self,
        id: Id<id::Content>,
        credits: Option<Vec<NewCredit>>,
        now: DateTime<Utc>,
        rng: Rng,
        change: impl FnOnce(&mut Fields) -> Result<()> + Send + 'static,
    ) -> Result<Content> {
        self.db
            .transaction(move |tx| {
                async move {
                    // Locked, so that two changes at once follow each other and neither is lost.
                    let before = content_item::Entity::find_by_id(id.uuid())
                        .filter(Column::DeletedAt.is_null())
                        .lock_exclusive()
                        .one(tx)
                        .await?
                        .ok_or_else(not_found)?;
                    let mut content = Content::try_from(before)?;
                    change(&mut content.fields)?;
                    content.updated_at = now;
                    content_item::Model::from(content.clone())
                        .into_active_model()
                        .reset_all()
                        .update_without_returning(tx)
                        .await?;
                    if let Some(credits) = credits {
                        credit::Entity::delete_many()
                            .filter(credit::Column::ContentId.eq(id.uuid()))
                            .exec(tx)
                            .await?;
                        write_credits(tx, id, credits, now, &rng).await?;
                    }
                    Ok(content)
                }
                .boxed()
            })
            .await
    }

    pub(super) async fn delete(&self, id: Id<id::Content>, now: DateTime<Utc>) -> Result<bool> {
        let done = content_item::Entity::update_many()
            .col_expr(Column::DeletedAt, Expr::val(now))
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::DeletedAt.is_null())
            .exec(self.db.write())
            .await?;
        Ok(done.rows_affected > 0)
    }

    pub(super) async fn credits(
        &self,
        items: &[Id<id::Content>],
    ) -> Result<HashMap<Id<id::Content>, Vec<Credit>>> {
        let rows = credit::Entity::find()
            .filter(filter::among(
                credit::Column::ContentId,
                items.iter().copied(),
            ))
            .order_by_asc(credit::Column::ContentId)
            .order_by_asc(credit::Column::Role)
            .order_by_asc(credit::Column::Position)
            .all(self.db.read())
            .await?;
        let mut found: HashMap<_, Vec<_>> = HashMap::new();
        for row in rows {
            let credit = Credit::try_from(row)?;
            found.entry(credit.content).or_default().push(credit);
        }
        Ok(found)
    }

    pub(super) async fn user_tags(
        &self,
        items: &[Id<id::Content>],
    ) -> Result<HashMap<Id<id::Content>, Vec<TagCount>>> {
        #[derive(FromQueryResult)]
        struct Row {
            content_id: Uuid,
            tag: String,
            users: i64,
        }
        let users = Expr::col(content_tag::Column::UserId).count();
        let rows = content_tag::Entity::find()
            .select_only()
            .columns([content_tag::Column::ContentId, content_tag::Column::Tag])
            .column_as(users.clone(), "users")
            .filter(filter::among(
                content_tag::Column::ContentId,
                items.iter().copied(),
            ))
            .group_by(content_tag::Column::ContentId)
            .group_by(content_tag::Column::Tag)
            .order_by_desc(users)
            .order_by_asc(content_tag::Column::Tag)
            .into_model::<Row>()
            .all(self.db.read())
            .await?;
        let mut found: HashMap<_, Vec<_>> = HashMap::new();
        for row in rows {
            let tag = TagCount {
                tag: row.tag,
                users: row.users,
            };
            found.entry(row.content_id.into()).or_default().push(tag);
        }
        Ok(found)
    }

    pub(super) async fn external_ids(
        &self,
        items: &[Id<id::Content>],
    ) -> Result<HashMap<Id<id::Content>, Vec<ExternalId>>> {
        use content_external_id::{Column, Entity};
        let rows = Entity::find()
            .filter(filter::among(Column::ContentId, items.iter().copied()))
            .order_by_asc(Column::Source)
            .all(self.db.read())
            .await?;
        let mut found: HashMap<_, Vec<_>> = HashMap::new();
        for row in rows {
            let name = ExternalId {
                source: row.source,
                value: row.external_id,
            };
            found.entry(row.content_id.into()).or_default().push(name);
        }
        Ok(found)
    }
}
