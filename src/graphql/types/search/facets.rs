//! What was found, in counts.

use std::sync::Arc;

use async_graphql::{Context, Object, Result, SimpleObject};
use rust_decimal::Decimal;

use crate::domain::search::facets::{PriceRange, SearchFacet};
use crate::domain::search::results::SearchResults;
use crate::foundation::page;
use crate::graphql::ContextExt;
use crate::graphql::number::int;
use crate::graphql::types::facets::{ContentKindCount, DecadeCount, FacetCount};

/// How many found items have a price in a range.
#[derive(Clone, Debug, SimpleObject)]
pub struct PriceRangeCount {
    /// The currency, ISO 4217.
    currency: String,
    /// From this price on.
    from: Decimal,
    /// Below this price; null where there is no end.
    below: Option<Decimal>,
    /// How many items.
    count: i32,
}

impl From<PriceRange> for PriceRangeCount {
    fn from(range: PriceRange) -> Self {
        Self {
            currency: range.currency,
            from: range.from,
            below: range.below,
            count: int(range.count),
        }
    }
}

/// Counts over all items that match the query and the filter, not over one page. Each is computed
/// only when it is asked for; items without a value are in no group.
#[derive(Clone)]
pub struct SearchFacets(pub(super) Arc<SearchResults>);

/// Counts over all items that match the query and the filter, not over one page. Each is computed
/// only when it is asked for; items without a value are in no group.
#[Object]
impl SearchFacets {
    /// By kind, the most frequent first.
    #[graphql(complexity = "10 + 6 * child_complexity")]
    async fn kinds(&self, ctx: &Context<'_>) -> Result<Vec<ContentKindCount>> {
        let kinds = ctx.services().search.kinds(&self.0).await?;
        let kinds = kinds.into_iter().map(|group| ContentKindCount {
            kind: group.value.into(),
            count: int(group.count),
        });
        Ok(kinds.collect())
    }

    /// By decade of release, the first decade first.
    #[graphql(complexity = "10 + 20 * child_complexity")]
    async fn decades(&self, ctx: &Context<'_>) -> Result<Vec<DecadeCount>> {
        let decades = ctx.services().search.decades(&self.0).await?;
        let decades = decades.into_iter().map(|group| DecadeCount {
            decade: group.value,
            count: int(group.count),
        });
        Ok(decades.collect())
    }

    /// By genre, the most frequent first; an item counts under each of its genres.
    #[graphql(complexity = "10 + first.clamp(1, 100) as usize * child_complexity")]
    async fn genres(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 100.", default = 20)] first: i32,
    ) -> Result<Vec<FacetCount>> {
        self.count(ctx, SearchFacet::Genre, first).await
    }

    /// By key word of the catalogue, the most frequent first; an item counts under each of its own.
    #[graphql(complexity = "10 + first.clamp(1, 100) as usize * child_complexity")]
    async fn tags(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 100.", default = 20)] first: i32,
    ) -> Result<Vec<FacetCount>> {
        self.count(ctx, SearchFacet::Tag, first).await
    }

    /// By original language, the most frequent first.
    #[graphql(complexity = "10 + first.clamp(1, 100) as usize * child_complexity")]
    async fn languages(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 100.", default = 20)] first: i32,
    ) -> Result<Vec<FacetCount>> {
        self.count(ctx, SearchFacet::Language, first).await
    }

    /// By brand, the most frequent first.
    #[graphql(complexity = "10 + first.clamp(1, 100) as usize * child_complexity")]
    async fn brands(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 100.", default = 20)] first: i32,
    ) -> Result<Vec<FacetCount>> {
        self.count(ctx, SearchFacet::Brand, first).await
    }

    /// By merchant, the most frequent first.
    #[graphql(complexity = "10 + first.clamp(1, 100) as usize * child_complexity")]
    async fn merchants(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 100.", default = 20)] first: i32,
    ) -> Result<Vec<FacetCount>> {
        self.count(ctx, SearchFacet::Merchant, first).await
    }

    /// By category, the most frequent first; an item counts under each category that it stands in,
    /// at any level.
    #[graphql(complexity = "10 + first.clamp(1, 100) as usize * child_complexity")]
    async fn categories(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 100.", default = 20)] first: i32,
    ) -> Result<Vec<FacetCount>> {
        self.count(ctx, SearchFacet::Category, first).await
    }

    /// By price, in ranges of each currency; only ranges that have items.
    #[graphql(complexity = "10 + 11 * child_complexity")]
    async fn price_ranges(&self, ctx: &Context<'_>) -> Result<Vec<PriceRangeCount>> {
        let ranges = ctx.services().search.prices(&self.0).await?;
        Ok(ranges.into_iter().map(Into::into).collect())
    }
}

impl SearchFacets {
    async fn count(
        &self,
        ctx: &Context<'_>,
        facet: SearchFacet,
        first: i32,
    ) -> Result<Vec<FacetCount>> {
        let most = page::size("first", Some(first))?;
        let counts = ctx.services().search.facet(&self.0, facet, most).await?;
        let counts = counts.into_iter().map(|group| FacetCount {
            value: group.value,
            count: int(group.count),
        });
        Ok(counts.collect())
    }
}
