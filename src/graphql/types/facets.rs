//! What a part of the catalogue is made of, in counts.

use async_graphql::{Context, Object, Result, SimpleObject};

use super::content::{ContentFilterInput, ContentKind};
use crate::domain::content::facets::{Facet, FacetCount as Count};
use crate::domain::content::model::ContentFilter as Filter;
use crate::foundation::page;
use crate::graphql::ContextExt;
use crate::graphql::filter::or_none;
use crate::graphql::number::int;

/// How many items have a value.
#[derive(Clone, Debug, SimpleObject)]
pub struct FacetCount {
    /// The value.
    pub(super) value: String,
    /// How many items.
    pub(super) count: i32,
}

/// How many items are of a kind.
#[derive(Clone, Debug, SimpleObject)]
pub struct ContentKindCount {
    /// The kind.
    pub(super) kind: ContentKind,
    /// How many items.
    pub(super) count: i32,
}

/// How many items are of a decade.
#[derive(Clone, Debug, SimpleObject)]
pub struct DecadeCount {
    /// The first year of the decade: 1980.
    pub(super) decade: i32,
    /// How many items.
    pub(super) count: i32,
}

/// Counts of the items that a filter finds and that the viewer may list. Each is computed only when
/// it is asked for; items without a value are in no group.
#[derive(Clone, Debug)]
pub struct ContentFacets(Filter);

/// Counts of the items that a filter finds and that the viewer may list. Each is computed only when
/// it is asked for; items without a value are in no group.
#[Object]
impl ContentFacets {
    /// How many items there are in all.
    #[graphql(complexity = 10)]
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let service = &ctx.services().content;
        let count = service.count(ctx.viewer(), &self.0).await?;
        Ok(int(count))
    }

    /// By kind, the most frequent first.
    #[graphql(complexity = "20 + 6 * child_complexity")]
    async fn kinds(&self, ctx: &Context<'_>) -> Result<Vec<ContentKindCount>> {
        let kinds = ctx.services().content.kinds(ctx.viewer(), &self.0).await?;
        let kinds = kinds.into_iter().map(|group| ContentKindCount {
            kind: group.value.into(),
            count: int(group.count),
        });
        Ok(kinds.collect())
    }

    /// By decade of release, the first decade first.
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

    /// By genre, the most frequent first; an item counts under each of its genres.
    #[graphql(complexity = "20 + first.clamp(1, 100) as usize * child_complexity")]
    async fn genres(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 100.", default = 20)] first: i32,
    ) -> Result<Vec<FacetCount>> {
        self.count(ctx, Facet::Genre, first).await
    }

    /// By key word of the catalogue, the most frequent first; an item counts under each of its own.
    #[graphql(complexity = "20 + first.clamp(1, 100) as usize * child_complexity")]
    async fn tags(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 100.", default = 20)] first: i32,
    ) -> Result<Vec<FacetCount>> {
        self.count(ctx, Facet::Tag, first).await
    }

    /// By original language, the most frequent first.
    #[graphql(complexity = "20 + first.clamp(1, 100) as usize * child_complexity")]
    async fn languages(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 100.", default = 20)] first: i32,
    ) -> Result<Vec<FacetCount>> {
        self.count(ctx, Facet::Language, first).await
    }

    /// By brand, the most frequent first.
    #[graphql(complexity = "20 + first.clamp(1, 100) as usize * child_complexity")]
    async fn brands(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 100.", default = 20)] first: i32,
    ) -> Result<Vec<FacetCount>> {
        self.count(ctx, Facet::Brand, first).await
    }

    /// By merchant, the most frequent first.
    #[graphql(complexity = "20 + first.clamp(1, 100) as usize * child_complexity")]
    async fn merchants(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most so many, 1 to 100.", default = 20)] first: i32,
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

/// Queries about what the catalogue is made of.
#[derive(Clone, Copy, Default)]
pub struct FacetsQuery;

/// Queries about what the catalogue is made of.
#[Object]
impl FacetsQuery {
    /// What the content items that the viewer may list are made of, in counts: by kind, genre,
    /// decade, language, brand and so on.
    async fn content_facets(
        &self,
        #[graphql(desc = "Of which items; of all where left out.")] filter: Option<
            ContentFilterInput,
        >,
    ) -> ContentFacets {
        ContentFacets(or_none(filter))
    }
}
