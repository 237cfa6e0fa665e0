//! What a part of the catalogue is made of, in counts.

use async_graphql::{Context, Object, Result, SimpleObject};

use super::content::{ContentFilterInput, ContentKind};
use crate::domain::content::facets::{Facet, FacetCount as Count};
use crate::domain::content::model::ContentFilter as Filter;
use crate::foundation::page;
use crate::graphql::ContextExt;
use crate::graphql::filter::or_none;
use crate::graphql::number::int;

/// Number of items with a certain value.
#[derive(Clone, Debug, SimpleObject)]
pub struct FacetCount {
    /// The value that the items share.
    pub(super) value: String,
    /// Number of items with this value.
    pub(super) count: i32,
}

/// Number of items of a certain kind.
#[derive(Clone, Debug, SimpleObject)]
pub struct ContentKindCount {
    /// The kind that the items share.
    pub(super) kind: ContentKind,
    /// Number of items of this kind.
    pub(super) count: i32,
}

/// Number of items of a certain decade.
#[derive(Clone, Debug, SimpleObject)]
pub struct DecadeCount {
    /// First year of the decade, for example 1980.
    pub(super) decade: i32,
    /// Number of items of this decade.
    pub(super) count: i32,
}

/// Numbers of the items that match the filter and that the viewer may list, grouped by one property
/// each. Each field is computed only if requested. Items without a value are not counted.
#[derive(Clone, Debug)]
pub struct ContentFacets(Filter);

/// Numbers of the items that match the filter and that the viewer may list, grouped by one property
/// each. Each field is computed only if requested. Items without a value are not counted.
#[Object]
impl ContentFacets {
    /// Number of all matching items.
    #[graphql(complexity = 10)]
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let service = &ctx.services().content;
        let count = service.count(ctx.viewer(), &self.0).await?;
        Ok(int(count))
    }

    /// Number of matching items of each kind, most frequent first.
    #[graphql(complexity = "20 + 6 * child_complexity")]
    async fn kinds(&self, ctx: &Context<'_>) -> Result<Vec<ContentKindCount>> {
        let kinds = ctx.services().content.kinds(ctx.viewer(), &self.0).await?;
        let kinds = kinds.into_iter().map(|group| ContentKindCount {
            kind: group.value.into(),
            count: int(group.count),
        });
        Ok(kinds.collect())
    }

    /// Number of matching items of each decade of release, in chronological order.
    #[graphql(complexity = "20 + 20 * child_complexity")]
    async fn decades(&self, ctx: &Context<'_>) -> Result<Vec<DecadeCount>> {
        let service = &ctx.services().content;
        let decades = service.decades(ctx.viewer(), &self.0).await?;
        let decades = decades.into_iter().map(|group| DecadeCount {
            decade: group.value,
            count: int(group.count),
        });
        Ok(decades.collect())
    }

    /// Number of matching items of each genre, most frequent first. An item is counted in each of
    /// its genres.
    #[graphql(complexity = "20 + first.clamp(1, 100) as usize * child_complexity")]
    async fn genres(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of genres to return at most, 1–100.", default = 20)] first: i32,
    ) -> Result<Vec<FacetCount>> {
        self.count(ctx, Facet::Genre, first).await
    }

    /// Number of matching items with each keyword, most frequent first. An item is counted for each
    /// of its keywords.
    #[graphql(complexity = "20 + first.clamp(1, 100) as usize * child_complexity")]
    async fn tags(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of keywords to return at most, 1–100.", default = 20)] first: i32,
    ) -> Result<Vec<FacetCount>> {
        self.count(ctx, Facet::Tag, first).await
    }

    /// Number of matching items in each original language, most frequent first.
    #[graphql(complexity = "20 + first.clamp(1, 100) as usize * child_complexity")]
    async fn languages(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of languages to return at most, 1–100.", default = 20)] first: i32,
    ) -> Result<Vec<FacetCount>> {
        self.count(ctx, Facet::Language, first).await
    }

    /// Number of matching items of each brand, most frequent first.
    #[graphql(complexity = "20 + first.clamp(1, 100) as usize * child_complexity")]
    async fn brands(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of brands to return at most, 1–100.", default = 20)] first: i32,
    ) -> Result<Vec<FacetCount>> {
        self.count(ctx, Facet::Brand, first).await
    }

    /// Number of matching items of each merchant, most frequent first.
    #[graphql(complexity = "20 + first.clamp(1, 100) as usize * child_complexity")]
    async fn merchants(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of merchants to return at most, 1–100.", default = 20)] first: i32,
    ) -> Result<Vec<FacetCount>> {
        self.count(ctx, Facet::Merchant, first).await
    }
}

impl ContentFacets {
    async fn count(&self, ctx: &Context<'_>, facet: Facet, first: i32) -> Result<Vec<FacetCount>> {
        let most = page::size("first", Some(first))?;
        let service = &ctx.services().content;
        let counts = service.facet(ctx.viewer(), &self.0, facet, most).await?;
        let counts = counts.into_iter().map(|Count { value, count }| FacetCount {
            value,
            count: int(count),
        });
        Ok(counts.collect())
    }
}

/// Queries of facets.
#[derive(Clone, Copy, Default)]
pub struct FacetsQuery;

/// Queries of facets.
#[Object]
impl FacetsQuery {
    /// Counts the content items that the viewer may list, by kind, genre, decade, language and
    /// other properties.
    async fn content_facets(
        &self,
        #[graphql(desc = "Count only items that match this filter (default: all items).")]
        filter: Option<ContentFilterInput>,
    ) -> Result<Option<ContentFacets>> {
        Ok(Some(ContentFacets(or_none("filter", filter)?)))
    }
}
