//! Counts of the items that a viewer may list.

use sea_orm::sea_query::{Expr, ExprTrait, Func, SimpleExpr};
use sea_orm::{ColumnTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Select};

use super::Store;
use super::listing::listed;
use crate::domain::auth::Viewer;
use crate::domain::content::facets::{Facet, FacetCount};
use crate::domain::content::model::{ContentFilter, ContentKind};
use crate::foundation::Result;
use crate::platform::db::entities::content_item::{self, Column};
use crate::platform::db::stored;

#[derive(FromQueryResult)]
struct Row<T: sea_orm::TryGetable> {
    value: T,
    count: i64,
}

impl Store {
    pub(in crate::domain::content) async fn facet(
        &self,
        viewer: &Viewer,
        filter: &ContentFilter,
        facet: Facet,
        most: usize,
    ) -> Result<Vec<FacetCount>> {
        let each = |column: Column| SimpleExpr::from(Func::cust("unnest").arg(Expr::col(column)));
        let (value, column) = match facet {
            Facet::Genre => (each(Column::Genres), Column::Genres),
            Facet::Tag => (each(Column::Tags), Column::Tags),
            Facet::Language => (Expr::col(Column::Language), Column::Language),
            Facet::Brand => (Expr::col(Column::Brand), Column::Brand),
            Facet::Merchant => (Expr::col(Column::Merchant), Column::Merchant),
        };
        let items = listed(viewer, filter).filter(column.is_not_null());
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        self.counted(grouped(items, value).limit(most)).await
    }

    pub(in crate::domain::content) async fn kinds(
        &self,
        viewer: &Viewer,
        filter: &ContentFilter,
    ) -> Result<Vec<FacetCount<ContentKind>>> {
        let counts = grouped(listed(viewer, filter), Expr::col(Column::Kind));
        let counts: Vec<FacetCount> = self.counted(counts).await?;
        let kinds = counts.into_iter().map(|group| {
            Ok(FacetCount {
                value: group.value.parse().map_err(stored("content_items"))?,
                count: group.count,
            })
        });
        kinds.collect()
    }

    pub(in crate::domain::content) async fn decades(
        &self,
        viewer: &Viewer,
        filter: &ContentFilter,
    ) -> Result<Vec<FacetCount<i32>>> {
        let items = listed(viewer, filter).filter(Column::Year.is_not_null());
        let mut decades = self
            .counted(grouped(items, Expr::cust("year / 10 * 10")))
            .await?;
        decades.sort_unstable_by_key(|group: &FacetCount<i32>| group.value);
        Ok(decades)
    }

    async fn counted<T: sea_orm::TryGetable + Send + Sync>(
        &self,
        select: Select<content_item::Entity>,
    ) -> Result<Vec<FacetCount<T>>> {
        let rows = select.into_model::<Row<T>>().all(self.db.read()).await?;
        let counts = rows.into_iter().map(|row| FacetCount {
            value: row.value,
            count: row.count,
        });
        Ok(counts.collect())
    }
}

/// Counts `items` by `value`, the most frequent first.
fn grouped(items: Select<content_item::Entity>, value: SimpleExpr) -> Select<content_item::Entity> {
    // By place in the list of columns: `unnest` may not be named again.
    let column = |number: &'static str| Expr::cust(number);
    items
        .select_only()
        .expr_as(value, "value")
        .expr_as(Expr::col(Column::Id).count(), "count")
        .group_by(column("1"))
        .order_by_desc(column("2"))
        .order_by_asc(column("1"))
}
