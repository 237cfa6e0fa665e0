//! Which items a viewer may list, and in which order.

use sea_orm::sea_query::{Expr, IntoColumnRef, Query};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, Select};

use crate::domain::auth::{Scope, Viewer};
use crate::domain::content::model::{ContentFilter, ContentKind, ContentOrder, Visibility};
use crate::foundation::Id;
use crate::platform::db::entities::{content_item, credit};
use crate::platform::db::filter;
use crate::platform::db::keyset::{Order, ValueKind};

use content_item::Column;

/// The only way into listing: what is deleted, and what the viewer may not list, is left out.
pub(super) fn listed(viewer: &Viewer, filter: &ContentFilter) -> Select<content_item::Entity> {
    let mut visible = Condition::any().add(Column::Visibility.eq(Visibility::Public.as_str()));
    if let Some(user) = viewer.user() {
        visible = visible.add(Column::CreatorId.eq(user.uuid()));
    }
    // An app sees what nobody owns; what users keep for themselves is theirs.
    if viewer.admin_or(Scope::CatalogueWrite).is_ok() {
        visible = visible.add(Column::CreatorId.is_null());
    }
    let mut select = content_item::Entity::find().filter(Column::DeletedAt.is_null());
    if !viewer.is_admin() {
        select = select.filter(visible);
    }
    select.filter(condition(filter))
}

pub(super) fn condition(wanted: &ContentFilter) -> Condition {
    let column = |column: Column| Expr::col(column.into_column_ref());
    let mut all = Condition::all()
        .add(filter::comparison(
            &column(Column::Kind),
            &wanted.kind.map(ContentKind::as_str),
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
    let parts = (&wanted.and[..], &wanted.or[..], wanted.not.as_deref());
    filter::nested(all, parts, condition)
}

pub(super) fn keyset(order: ContentOrder, ascending: bool) -> Order {
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
