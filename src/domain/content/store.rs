//! Content items, their credits, tags and outer names in the database.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use futures::FutureExt;
use sea_orm::sea_query::{Expr, ExprTrait, IntoColumnRef, Query};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, FromQueryResult, IntoActiveModel,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::model::{
    Content, ContentFilter, ContentOrder, Credit, ExternalId, Fields, NewCredit, Sight, TagCount,
    Visibility,
};
use super::service::not_found;
use crate::domain::auth::{Scope, Viewer};
use crate::foundation::page::Window;
use crate::foundation::{Chance, Id, Result, id};
use crate::platform::db::entities::{content_external_id, content_item, content_tag, credit};
use crate::platform::db::keyset::{Order, ValueKind};
use crate::platform::db::{Db, filter};

use content_item::Column;

mod credits;
mod facets;
mod filmography;

use credits::write_credits;

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
    pub(super) async fn sights(
        &self,
        ids: impl Iterator<Item = Id<id::Content>>,
    ) -> Result<HashMap<Id<id::Content>, Sight>> {
        let rows: Vec<(Uuid, String, Option<Uuid>)> = content_item::Entity::find()
            .select_only()
            .columns([Column::Id, Column::Visibility, Column::CreatorId])
            .filter(filter::among(Column::Id, ids))
            .filter(Column::DeletedAt.is_null())
            .into_tuple()
            // What was made a moment ago may be acted upon now.
            .all(self.db.write())
            .await?;
        let sights = rows.into_iter().map(|(id, visibility, creator)| {
            let visibility: Visibility = visibility.parse().map_err(stored)?;
            Ok((id.into(), (visibility, creator.map(Into::into))))
        });
        sights.collect()
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
        chance: Chance,
    ) -> Result<()> {
        self.db
            .transaction(move |tx| {
                async move {
                    let (id, now) = (content.id, content.created_at);
                    content_item::Entity::insert(row(content).into_active_model())
                        .exec_without_returning(tx)
                        .await?;
                    write_credits(tx, id, credits, now, &chance).await
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
        chance: Chance,
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
                    row(content.clone())
                        .into_active_model()
                        .reset_all()
                        .update_without_returning(tx)
                        .await?;
                    if let Some(credits) = credits {
                        credit::Entity::delete_many()
                            .filter(credit::Column::ContentId.eq(id.uuid()))
                            .exec(tx)
                            .await?;
                        write_credits(tx, id, credits, now, &chance).await?;
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
                id: row.external_id,
            };
            found.entry(row.content_id.into()).or_default().push(name);
        }
        Ok(found)
    }
}

/// The only way into listing: what is deleted, and what the viewer may not list, is left out.
fn listed(viewer: &Viewer, filter: &ContentFilter) -> sea_orm::Select<content_item::Entity> {
    let mut visible = Condition::any().add(Column::Visibility.eq(Visibility::Public.as_str()));
    if let Some(user) = viewer.user() {
        visible = visible.add(Column::CreatorId.eq(user.uuid()));
    }
    let mut select = content_item::Entity::find().filter(Column::DeletedAt.is_null());
    if viewer.admin_or(Scope::CatalogueWrite).is_err() {
        select = select.filter(visible);
    }
    select.filter(condition(filter))
}

fn condition(wanted: &ContentFilter) -> Condition {
    let column = |column: Column| Expr::col(column.into_column_ref());
    let mut all = Condition::all()
        .add(filter::comparison(
            &column(Column::Kind),
            &wanted.kind.map(super::ContentKind::as_str),
        ))
        .add(filter::text(&column(Column::Title), &wanted.title))
        .add(filter::list(&column(Column::Genres), &wanted.genres))
        .add(filter::list(&column(Column::Tags), &wanted.tags))
        .add(filter::comparison(&column(Column::Year), &wanted.year))
        .add(filter::comparison(
            &column(Column::DurationMinutes),
            &wanted.duration_minutes,
        ))
        .add(filter::text(&column(Column::Language), &wanted.language))
        .add(filter::comparison(
            &column(Column::RatingAverage),
            // As the column holds it: 7.2 is stored as the single nearest to it.
            &wanted.rating_average.map(|rating| rating as f32),
        ))
        .add(filter::comparison(
            &column(Column::RatingCount),
            &wanted.rating_count,
        ))
        .add(filter::comparison(
            &column(Column::Popularity),
            &wanted.popularity,
        ))
        .add(filter::text(&column(Column::Brand), &wanted.brand))
        .add(filter::text(&column(Column::Merchant), &wanted.merchant))
        .add(filter::list(
            &column(Column::CategoryPath),
            &wanted.category_path,
        ))
        .add(filter::comparison(&column(Column::Price), &wanted.price))
        .add(filter::text(&column(Column::Currency), &wanted.currency))
        .add(filter::comparison(&column(Column::Stock), &wanted.stock))
        .add(filter::text(&column(Column::Color), &wanted.color))
        .add(filter::comparison(
            &column(Column::RightsFrom),
            &wanted.rights_from,
        ))
        .add(filter::comparison(
            &column(Column::RightsUntil),
            &wanted.rights_until,
        ))
        .add(filter::comparison(
            &column(Column::Visibility),
            &wanted.visibility.map(Visibility::as_str),
        ))
        .add(filter::comparison(
            &column(Column::CreatorId),
            &wanted.creator.map(Id::uuid),
        ))
        .add(filter::comparison(
            &column(Column::CreatedAt),
            &wanted.created_at,
        ))
        .add(filter::comparison(
            &column(Column::UpdatedAt),
            &wanted.updated_at,
        ));
    if let Some(person) = wanted.person {
        let of_person = Query::select()
            .column(credit::Column::ContentId)
            .from(credit::Entity)
            .and_where(credit::Column::PersonId.eq(person.uuid()))
            .to_owned();
        all = all.add(Column::Id.in_subquery(of_person));
    }
    for part in &wanted.and {
        all = all.add(condition(part));
    }
    if !wanted.or.is_empty() {
        let any = wanted.or.iter().map(condition);
        all = all.add(any.fold(Condition::any(), Condition::add));
    }
    if let Some(part) = &wanted.not {
        all = all.add(filter::not(condition(part)));
    }
    all
}

fn keyset(order: ContentOrder, ascending: bool) -> Order {
    let by = |name, column: Column, kind| Order::by(name, column, Column::Id, kind, ascending);
    match order {
        ContentOrder::CreatedAt => by("createdAt", Column::CreatedAt, ValueKind::Time),
        // By code points whatever the database's own collation, and as its index is.
        ContentOrder::Title => Order {
            column: Expr::cust("title COLLATE \"C\""),
            ..by("title", Column::Title, ValueKind::Text)
        },
        ContentOrder::Year => by("year", Column::Year, ValueKind::Integer).nullable(),
        ContentOrder::Popularity => by("popularity", Column::Popularity, ValueKind::Float),
        ContentOrder::RatingAverage => {
            by("ratingAverage", Column::RatingAverage, ValueKind::Float).nullable()
        }
        ContentOrder::Price => by("price", Column::Price, ValueKind::Decimal).nullable(),
    }
}

impl TryFrom<content_item::Model> for Content {
    type Error = crate::foundation::Error;

    fn try_from(row: content_item::Model) -> Result<Self> {
        Ok(Self {
            id: row.id.into(),
            creator: row.creator_id.map(Into::into),
            created_at: row.created_at,
            updated_at: row.updated_at,
            fields: Fields {
                kind: row.kind.parse().map_err(stored)?,
                title: row.title,
                original_title: row.original_title,
                description: row.description,
                genres: row.genres,
                tags: row.tags,
                year: row.year,
                duration_minutes: row.duration_minutes,
                language: row.language,
                poster_url: row.poster_url,
                rating_average: row.rating_average,
                rating_count: row.rating_count,
                popularity: row.popularity,
                brand: row.brand,
                merchant: row.merchant,
                category_path: row.category_path,
                price: row.price,
                list_price: row.list_price,
                currency: row.currency,
                stock: row.stock,
                color: row.color,
                rights_from: row.rights_from,
                rights_until: row.rights_until,
                broadcasts_left: row.broadcasts_left,
                visibility: row.visibility.parse().map_err(stored)?,
                quality_score: row.quality_score,
                metadata: row.metadata,
            },
        })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` hands it over")]
fn stored(error: String) -> anyhow::Error {
    anyhow::anyhow!("content_items holds what it may not: {error}")
}

fn row(content: Content) -> content_item::Model {
    let fields = content.fields;
    content_item::Model {
        id: content.id.uuid(),
        kind: fields.kind.as_str().to_owned(),
        title: fields.title,
        original_title: fields.original_title,
        description: fields.description,
        genres: fields.genres,
        tags: fields.tags,
        year: fields.year,
        duration_minutes: fields.duration_minutes,
        language: fields.language,
        poster_url: fields.poster_url,
        rating_average: fields.rating_average,
        rating_count: fields.rating_count,
        popularity: fields.popularity,
        brand: fields.brand,
        merchant: fields.merchant,
        category_path: fields.category_path,
        price: fields.price,
        list_price: fields.list_price,
        currency: fields.currency,
        stock: fields.stock,
        color: fields.color,
        rights_from: fields.rights_from,
        rights_until: fields.rights_until,
        broadcasts_left: fields.broadcasts_left,
        creator_id: content.creator.map(Id::uuid),
        visibility: fields.visibility.as_str().to_owned(),
        quality_score: fields.quality_score,
        metadata: fields.metadata,
        created_at: content.created_at,
        updated_at: content.updated_at,
        deleted_at: None,
    }
}
