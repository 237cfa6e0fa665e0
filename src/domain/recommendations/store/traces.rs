//! Stored lists, by what is asked of them.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::Query;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    Select,
};

use super::Store;
use crate::domain::recommendations::model::List;
use crate::domain::recommendations::traces::TraceFilter;
use crate::foundation::page::Window;
use crate::foundation::{Id, Result, id};
use crate::platform::db::entities::recommendation_item;
use crate::platform::db::entities::recommendation_list::{Column, Entity};
use crate::platform::db::keyset::{Order, ValueKind};

impl Store {
    /// One page of the lists that match, the newest first, with one more than asked for.
    pub(in crate::domain::recommendations) async fn traced(
        &self,
        filter: &TraceFilter,
        window: &Window,
    ) -> Result<Vec<List>> {
        let order = Order::by("traces", Column::Id, Column::Id, ValueKind::Id, false);
        let rows = order.apply(matching(filter), window)?;
        let rows = rows.all(self.db.read()).await?;
        rows.into_iter().map(List::try_from).collect()
    }

    pub(in crate::domain::recommendations) async fn count_traced(
        &self,
        filter: &TraceFilter,
    ) -> Result<u64> {
        Ok(matching(filter).count(self.db.read()).await?)
    }

    /// The items of a list that were served, by rank.
    pub(in crate::domain::recommendations) async fn served(
        &self,
        list: Id<id::List>,
    ) -> Result<Vec<(i32, Id<id::Content>)>> {
        use recommendation_item::Column as Item;
        // From where lists are written, as the list itself.
        let rows: Vec<(i32, uuid::Uuid)> = recommendation_item::Entity::find()
            .select_only()
            .columns([Item::Rank, Item::ContentId])
            .filter(Item::ListId.eq(list.uuid()))
            .order_by_asc(Item::Rank)
            .into_tuple()
            .all(self.db.write())
            .await?;
        let row = |(rank, content): (i32, uuid::Uuid)| (rank, content.into());
        Ok(rows.into_iter().map(row).collect())
    }
}

fn matching(filter: &TraceFilter) -> Select<Entity> {
    let mut all = between(filter.from, filter.until);
    if let Some(user) = filter.user {
        all = all.add(Column::UserId.eq(user.uuid()));
    }
    if let Some(context) = filter.context {
        all = all.add(Column::Context.eq(context.as_str()));
    }
    if let Some(model) = filter.model.map(Id::uuid) {
        let either = Condition::any()
            .add(Column::ModelVersionId.eq(model))
            .add(Column::EmbeddingVersionId.eq(model));
        all = all.add(either);
    }
    if let Some(content) = filter.content {
        use recommendation_item::{Column as Item, Entity as Items};
        let lists = Query::select()
            .column(Item::ListId)
            .from(Items)
            .and_where(Item::ContentId.eq(content.uuid()))
            .to_owned();
        all = all.add(Column::Id.in_subquery(lists));
    }
    Entity::find().filter(all)
}

/// The lists of a range of time. An id begins with its moment, so that partitions outside the range are
/// not read.
fn between(from: Option<DateTime<Utc>>, until: Option<DateTime<Utc>>) -> Condition {
    // An id has 48 bits for the milliseconds; what is later is as good as their end.
    let end = DateTime::from_timestamp_millis((1 << 48) - 1).unwrap_or(DateTime::<Utc>::MAX_UTC);
    let first_at = |at: DateTime<Utc>| Id::<id::List>::at(at.min(end), [0; 10]).uuid();
    let mut all = Condition::all();
    if let Some(from) = from {
        all = all.add(Column::Id.gte(first_at(from)));
    }
    if let Some(until) = until {
        all = all.add(Column::Id.lt(first_at(until)));
    }
    all
}
