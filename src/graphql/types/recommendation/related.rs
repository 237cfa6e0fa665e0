//! What is like something, rows of a front page, and what rises.

use async_graphql::{ComplexObject, Context, Object, Result, SimpleObject};

use crate::domain::content::ContentFilter;
use crate::domain::recommendations::because;
use crate::domain::recommendations::related::{self as domain, About, SimilarRequest};
use crate::domain::recommendations::trending;
use crate::foundation::{Id, Refusal, id};
use crate::graphql::ContextExt;
use crate::graphql::enums::{graphql_enum, values};
use crate::graphql::filter::or_none;
use crate::graphql::number::double;
use crate::graphql::types::content::{Content, ContentFilterInput};

graphql_enum!(domain::GroupKind as SimilarKind);

/// An item that is similar to other items.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct RelatedItem {
    /// Score of the item within its group or row, in [0, 1]. Not comparable between groups or rows.
    score: f64,
    /// Why the item is included, in English, such as shared genres or people.
    explanation: String,
    #[graphql(skip)]
    item: Id<id::Content>,
}

#[ComplexObject]
impl RelatedItem {
    /// The similar item; null if it was deleted after the result was computed.
    async fn content(&self, ctx: &Context<'_>) -> Result<Option<Content>> {
        let content = ctx.loaders().content.load_one(self.item).await?;
        Ok(content.map(Into::into))
    }
}

impl From<domain::Related> for RelatedItem {
    fn from(related: domain::Related) -> Self {
        Self {
            score: double(related.score),
            explanation: related.why,
            item: related.content,
        }
    }
}

fn items(related: Vec<domain::Related>) -> Vec<RelatedItem> {
    related.into_iter().map(Into::into).collect()
}

/// Items that are similar in the same respect.
#[derive(Clone, Debug, SimpleObject)]
pub struct SimilarGroup {
    /// In which respect the items are similar.
    kind: SimilarKind,
    /// Title of the group in English, for example `More by Akira Kurosawa` or `Popular in 1954`.
    title: String,
    /// The items of the group, best first; at least one.
    items: Vec<RelatedItem>,
}

impl From<domain::Group> for SimilarGroup {
    fn from(group: domain::Group) -> Self {
        Self {
            kind: group.kind.into(),
            title: group.title,
            items: items(group.items),
        }
    }
}

/// A requested title that no item has.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct UnknownTitle {
    /// The title as given in the argument `titles`.
    title: String,
    #[graphql(skip)]
    like: Vec<Id<id::Content>>,
}

#[ComplexObject]
impl UnknownTitle {
    /// Items with the most similar titles, most similar first; empty if there are none.
    async fn suggestions(&self, ctx: &Context<'_>) -> Result<Vec<Content>> {
        contents(ctx, &self.like).await
    }
}

/// Items similar to the given items, in groups.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct SimilarItems {
    /// The groups of similar items. Groups without items are omitted.
    groups: Vec<SimilarGroup>,
    /// Requested titles that no item has.
    not_found: Vec<UnknownTitle>,
    #[graphql(skip)]
    asked: Vec<Id<id::Content>>,
}

#[ComplexObject]
impl SimilarItems {
    /// The items that the result is about, in the order of the arguments.
    async fn about(&self, ctx: &Context<'_>) -> Result<Vec<Content>> {
        contents(ctx, &self.asked).await
    }
}

async fn contents(ctx: &Context<'_>, ids: &[Id<id::Content>]) -> Result<Vec<Content>> {
    let mut found = ctx.loaders().content.load_many(ids.iter().copied()).await?;
    let in_order = ids.iter().filter_map(|id| found.remove(id));
    Ok(in_order.map(Into::into).collect())
}

/// A row of recommendations for a front page.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct BecauseRow {
    /// Title of the row in English, for example `Because you liked “Yojimbo”` or `Popular in
    /// Western`.
    title: String,
    /// Genre that all items of the row share; null if the row is not about a genre.
    genre: Option<String>,
    /// The items of the row, best first; at least one. No item is in more than one row.
    items: Vec<RelatedItem>,
    #[graphql(skip)]
    past: Option<Id<id::Content>>,
}

#[ComplexObject]
impl BecauseRow {
    /// The item from the user's history that the row is based on; null if the row is not based on
    /// one or the viewer may not see it.
    async fn because(&self, ctx: &Context<'_>) -> Result<Option<Content>> {
        let Some(past) = self.past else {
            return Ok(None);
        };
        let content = ctx.loaders().content.load_one(past).await?;
        Ok(content.map(Into::into))
    }
}

impl From<because::BecauseRow> for BecauseRow {
    fn from(row: because::BecauseRow) -> Self {
        Self {
            title: row.title,
            genre: row.genre,
            items: items(row.items),
            past: row.because,
        }
    }
}

graphql_enum!(trending::Span as TrendingWindow);

/// An item with more interactions in a recent period than in comparable periods before.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct TrendingItem {
    /// Strength of the trend, in (0, 1], relative to the strongest trend in the catalogue.
    score: f64,
    /// Weighted number of users who interacted with the item in the period. Each user counts at
    /// most 2, depending on the kinds of their interactions and the age and activity of their
    /// account.
    recent: f64,
    /// Expected value of `recent`: the mean over the preceding periods of the same length.
    expected: f64,
    #[graphql(skip)]
    item: Id<id::Content>,
}

#[ComplexObject]
impl TrendingItem {
    /// The trending item; null if it was deleted after the result was computed.
    async fn content(&self, ctx: &Context<'_>) -> Result<Option<Content>> {
        let content = ctx.loaders().content.load_one(self.item).await?;
        Ok(content.map(Into::into))
    }
}

impl From<trending::TrendingItem> for TrendingItem {
    fn from(item: trending::TrendingItem) -> Self {
        Self {
            score: double(item.score),
            recent: double(item.recent),
            expected: double(item.expected),
            item: item.content,
        }
    }
}

/// Queries of similar and trending items.
#[derive(Clone, Copy, Default)]
pub struct RelatedQuery;

/// Queries of similar and trending items.
#[Object]
impl RelatedQuery {
    /// Finds items that are similar to an item, or to several items by their titles, in groups with
    /// explanations. Unavailable items (deleted, not public, outside their rights period or out of
    /// stock) are excluded. Results may be up to two minutes old. No authentication required.
    #[graphql(complexity = "20 + 6 * first.unwrap_or(10).clamp(1, 50) as usize * child_complexity")]
    async fn similar(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "ID of the item to compare with. Either `contentId` or `titles` is required."
        )]
        content_id: Option<Id<id::Content>>,
        #[graphql(
            desc = "Titles of 1–10 items to compare with, 1–200 characters each. Case, accents, punctuation and leading or trailing articles are ignored; a year in brackets distinguishes items of the same title: `Alien (1979)`."
        )]
        titles: Option<Vec<String>>,
        #[graphql(desc = "Number of items to return in each group, 1–50 (default 10).")]
        first: Option<i32>,
        #[graphql(desc = "Groups to return, at least one (default: all).")] kinds: Option<
            Vec<SimilarKind>,
        >,
    ) -> Result<Option<SimilarItems>> {
        let about = match (content_id, titles) {
            (Some(item), None) => About::Item(item),
            (None, Some(titles)) => About::Titles(titles),
            _ => {
                let message = "give either `contentId` or `titles`";
                return Err(Refusal::invalid("contentId", message).into());
            }
        };
        let kinds = kinds.map_or_else(|| domain::GroupKind::ALL.to_vec(), values);
        let ask = SimilarRequest {
            about,
            first: count(first, 10),
            kinds,
        };
        let service = &ctx.services().recommendations;
        let similar = service.similar(ctx.viewer(), &ask).await?;
        let unknown = |unknown: domain::UnknownTitle| UnknownTitle {
            title: unknown.title,
            like: unknown.suggestions,
        };
        Ok(Some(SimilarItems {
            groups: similar.groups.into_iter().map(Into::into).collect(),
            not_found: similar.not_found.into_iter().map(unknown).collect(),
            asked: similar.about,
        }))
    }

    /// Recommends items in rows for a front page: rows of items similar to those the user recently
    /// liked, bought or viewed, followed by a row of popular items of the user's favourite genre,
    /// or of popular items in general for new users. Requires the user's own session, the role
    /// ADMIN or an API key with the scope RECOMMENDATIONS_READ.
    #[graphql(
        complexity = "20 + rows.unwrap_or(5).clamp(1, 10) as usize * first.unwrap_or(10).clamp(1, 50) as usize * child_complexity"
    )]
    async fn because(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "ID of the user (default: the signed-in user). API keys must set it.")]
        user_id: Option<Id<id::User>>,
        #[graphql(desc = "Number of rows to return at most, 1–10 (default 5).")] rows: Option<i32>,
        #[graphql(desc = "Number of items to return in each row at most, 1–50 (default 10).")]
        first: Option<i32>,
    ) -> Result<Option<Vec<BecauseRow>>> {
        let viewer = ctx.viewer();
        let user = match user_id {
            Some(user) => user,
            None => viewer.signed_in()?,
        };
        let service = &ctx.services().recommendations;
        let rows = service.because(viewer, user, count(rows, 5), count(first, 10));
        Ok(Some(rows.await?.into_iter().map(Into::into).collect()))
    }

    /// Finds items whose interactions increased most in a recent period, strongest trend first. An
    /// item is included only if at least three users interacted with it and the increase is
    /// statistically significant. All items are of one kind unless `filter` contains a condition on
    /// the kind. Results for HOUR and DAY may be up to two minutes old, those for WEEK and MONTH up
    /// to one hour. No authentication required.
    #[graphql(complexity = "20 + first.unwrap_or(20).clamp(1, 100) as usize * child_complexity")]
    async fn trending(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The period to compute trends for.",
            default_with = "TrendingWindow::from(trending::Span::Day)"
        )]
        window: TrendingWindow,
        #[graphql(desc = "Number of items to return at most, 1–100 (default 20).")] first: Option<
            i32,
        >,
        #[graphql(desc = "Return only items that match this filter (default: all items).")] filter: Option<ContentFilterInput>,
    ) -> Result<Option<Vec<TrendingItem>>> {
        let filter: ContentFilter = or_none("filter", filter)?;
        let service = &ctx.services().recommendations;
        let trending = service.trending(window.into(), count(first, 20), &filter);
        Ok(Some(trending.await?.into_iter().map(Into::into).collect()))
    }
}

/// How many were asked for; what is below zero is as wrong as zero, and the service says so.
fn count(asked: Option<i32>, otherwise: usize) -> usize {
    asked.map_or(otherwise, |asked| usize::try_from(asked).unwrap_or(0))
}
