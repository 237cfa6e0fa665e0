//! Recommendation lists in an export.

use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{PAGE_OF_LISTS, Sink, outer};
use crate::foundation::{Id, Result, id};
use crate::platform::db::entities::{recommendation_item, recommendation_list};

/// The recommendation lists of a user, each with what was served of it.
pub(super) async fn lists(
    db: &DatabaseConnection,
    user: Id<id::User>,
    sink: &mut Sink<'_>,
) -> Result<()> {
    use recommendation_list::{Column, Entity};
    let mut after = Uuid::nil();
    loop {
        let lists = Entity::find()
            .filter(Column::UserId.eq(user.uuid()))
            .filter(Column::Id.gt(after))
            .order_by_asc(Column::Id)
            .limit(PAGE_OF_LISTS)
            .all(db)
            .await?;
        let ids: Vec<Uuid> = lists.iter().map(|list| list.id).collect();
        let Some(last) = ids.last() else {
            return Ok(());
        };
        after = *last;
        let mut served = recommendation_item::Entity::find()
            .filter(recommendation_item::Column::ListId.is_in(ids))
            .order_by_asc(recommendation_item::Column::ListId)
            .order_by_asc(recommendation_item::Column::Rank)
            .all(db)
            .await?
            .into_iter()
            .peekable();
        for list in lists {
            let mut items = Vec::new();
            while let Some(item) = served.next_if(|item| item.list_id == list.id) {
                items.push(json!({
                    "rank": item.rank,
                    "content": outer::<id::Content>(item.content_id),
                    "score": item.score,
                    "source": item.source,
                    "servedAt": item.served_at,
                }));
            }
            sink("recommendationLists", list_json(list, &items))?;
        }
    }
}

fn list_json(list: recommendation_list::Model, served: &[Value]) -> Value {
    let contents = list.content_ids.into_iter().map(outer::<id::Content>);
    json!({
        "id": outer::<id::List>(list.id),
        "context": list.context,
        "model": list.model_version_id.map(outer::<id::Model>),
        "experimentVariant": list.variant_id.map(outer::<id::Variant>),
        "weightsVersion": list.weights_version,
        "createdAt": list.created_at,
        "content": contents.collect::<Vec<_>>(),
        "scores": list.scores,
        "controls": list.controls,
        "lastEventAt": list.last_event_at,
        "because": list.because_ids.into_iter().map(outer::<id::Content>).collect::<Vec<_>>(),
        "served": served,
    })
}
