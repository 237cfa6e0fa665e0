//! What was found, in counts.

use std::sync::Arc;

use async_graphql::{Context, Object, Result, SimpleObject};

use crate::domain::search::facets::{PriceRange, SearchFacet};
use crate::domain::search::results::SearchResults;
use crate::foundation::page;
use crate::graphql::ContextExt;
use crate::graphql::number::int;
use crate::graphql::scalars::Decimal;
use crate::graphql::types::facets::{ContentKindCount, DecadeCount, FacetCount};

/// Number of matching items with a price in a range.
#[derive(Clone, Debug, SimpleObject)]
pub struct PriceRangeCount {
    /// Currency of the prices, as an ISO 4217 code.
    currency: String,
    /// Lower end of the range (inclusive).
    from: Decimal,
    /// Upper end of the range (exclusive); null for the highest range.
    below: Option<Decimal>,
    /// Number of matching items in this range.
    count: i32,
}

impl From<PriceRange> for PriceRangeCount {
    fn from(range: PriceRange) -> Self {
        Self {
            currency: range.currency,
            from: range.from.into(),
            below: range.below.map(Into::into),
            count: int(range.count),
        }
    }
}

/// Numbers of all items that match the query and the filter, on all pages, grouped by one property
/// each. Each field is computed only if requested. Items without a value are not counted.
#[derive(Clone)]
pub struct SearchFacets(pub(super) Arc<SearchResults>);

/// Numbers of all items that match the query and the filter, on all pages, grouped by one property
/// each. Each field is computed only if requested. Items without a value are not counted.
#[Object]
impl SearchFacets {
    /// Number of matching items of each kind, most frequent first.
    #[graphql(complexity = "10 + 6 * child_complexity")]
    async fn kinds(&self, ctx: &Context<'_>) -> Result<Vec<ContentKindCount>> {
        let kinds = ctx.services().search.kinds(&self.0).await?;
        let kinds = kinds.into_iter().map(|group| ContentKindCount {
            kind: group.value.into(),
            count: int(group.count),
        });
        Ok(kinds.collect())
    }

    /// Number of matching items of each decade of release, in chronological order.
    #[graphql(complexity = "10 + 20 * child_complexity")]
    async fn decades(&self, ctx: &Context<'_>) -> Result<Vec<DecadeCount>> {
        let decades = ctx.services().search.decades(&self.0).await?;
        let decades = decades.into_iter().map(|group| DecadeCount {
            decade: group.value,
            count: int(group.count),
        });
        Ok(decades.collect())
    }

    /// Number of matching items of each genre, most frequent first. An item is counted in each of
    /// its genres.
    #[graphql(complexity = "10 + first.clamp(1, 100) as usize * child_complexity")]
    async fn genres(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of genres to return at most, 1–100.", default = 20)] first: i32,
    ) -> Result<Vec<FacetCount>> {
        self.count(ctx, SearchFacet::Genre, first).await
    }

    /// Number of matching items with each keyword, most frequent first. An item is counted for each
    /// of its keywords.
    #[graphql(complexity = "10 + first.clamp(1, 100) as usize * child_complexity")]
    async fn tags(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of keywords to return at most, 1–100.", default = 20)] first: i32,
    ) -> Result<Vec<FacetCount>> {
        self.count(ctx, SearchFacet::Tag, first).await
    }

    /// Number of matching items in each original language, most frequent first.
    #[graphql(complexity = "10 + first.clamp(1, 100) as usize * child_complexity")]
    async fn languages(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of languages to return at most, 1–100.", default = 20)] first: i32,
    ) -> Result<Vec<FacetCount>> {
        self.count(ctx, SearchFacet::Language, first).await
    }

    /// Number of matching items of each brand, most frequent first.
    #[graphql(complexity = "10 + first.clamp(1, 100) as usize * child_complexity")]
    async fn brands(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of brands to return at most, 1–100.", default = 20)] first: i32,
    ) -> Result<Vec<FacetCount>> {
        self.count(ctx, SearchFacet::Brand, first).await
    }

    /// Number of matching items of each merchant, most frequent first.
    #[graphql(complexity = "10 + first.clamp(1, 100) as usize * child_complexity")]
    async fn merchants(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of merchants to return at most, 1–100.", default = 20)] first: i32,
    ) -> Result<Vec<FacetCount>> {
        self.count(ctx, SearchFacet::Merchant, first).await
    }

    /// Number of matching items in each category, most frequent first. An item is counted in each
    /// level of its category path.
    #[graphql(complexity = "10 + first.clamp(1, 100) as usize * child_complexity")]
    async fn categories(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of categories to return at most, 1–100.", default = 20)]
        first: i32,
    ) -> Result<Vec<FacetCount>> {
        self.count(ctx, SearchFacet::Category, first).await
    }

    /// Number of matching items in each price range, by currency and price. Ranges without items
    /// are omitted.
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
