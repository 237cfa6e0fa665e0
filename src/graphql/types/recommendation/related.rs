//! What is like something, rows of a front page, and what rises.

use async_graphql::{ComplexObject, Context, Enum, Object, Result, SimpleObject};

use crate::domain::content::ContentFilter;
use crate::domain::recommendations::because;
use crate::domain::recommendations::related::{self as domain, About, SimilarRequest};
use crate::domain::recommendations::trending::{self, Span};
use crate::foundation::{Id, Refusal, id};
use crate::graphql::ContextExt;
use crate::graphql::filter::or_none;
use crate::graphql::number::double;
use crate::graphql::types::content::{Content, ContentFilterInput};

/// In what way the items of a group are like those asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::GroupKind")]
pub enum SimilarKind {
    /// They are about like things.
    SimilarContent,
    /// They are of like genres, or of the same part of the shop.
    SimilarGenre,
    /// The same people directed them.
    SameDirector,
    /// The same people play in them.
    SameCast,
    /// They are of the same year, and popular.
    PopularThatYear,
    /// The same users took them.
    BoughtTogether,
}

/// An item that is like others.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct RelatedItem {
    /// How well it fits its group or row, in [0, 1]. Comparable within that only.
    score: f64,
    /// What speaks for it, in English: shared genres, shared people.
    explanation: String,
    #[graphql(skip)]
    item: Id<id::Content>,
}

#[ComplexObject]
impl RelatedItem {
    /// What is like the others; null if it was deleted a moment ago.
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

/// Items that are alike in one way.
#[derive(Clone, Debug, SimpleObject)]
pub struct SimilarGroup {
    /// In what way.
    kind: SimilarKind,
    /// The same in a few words, in English: `More by Akira Kurosawa`, `Popular in 1954`.
    title: String,
    /// The items, best first; at least one.
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

/// A title that no item has.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct UnknownTitle {
    /// As it was given.
    title: String,
    #[graphql(skip)]
    like: Vec<Id<id::Content>>,
}

#[ComplexObject]
impl UnknownTitle {
    /// Items with the most alike titles, the nearest first; none if no title is alike.
    async fn suggestions(&self, ctx: &Context<'_>) -> Result<Vec<Content>> {
        contents(ctx, &self.like).await
    }
}

/// What is like some items.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct SimilarItems {
    /// What is like them, group by group; groups without items are left out.
    groups: Vec<SimilarGroup>,
    /// The titles that no item has.
    not_found: Vec<UnknownTitle>,
    #[graphql(skip)]
    asked: Vec<Id<id::Content>>,
}

#[ComplexObject]
impl SimilarItems {
    /// The items asked about, in the order given.
    async fn about(&self, ctx: &Context<'_>) -> Result<Vec<Content>> {
        contents(ctx, &self.asked).await
    }
}

async fn contents(ctx: &Context<'_>, ids: &[Id<id::Content>]) -> Result<Vec<Content>> {
    let mut found = ctx.loaders().content.load_many(ids.iter().copied()).await?;
    let in_order = ids.iter().filter_map(|id| found.remove(id));
    Ok(in_order.map(Into::into).collect())
}

/// A row of a front page.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct BecauseRow {
    /// What it is, in English: `Because you liked “Yojimbo”`, `Popular in Western`.
    title: String,
    /// The genre that its items share, if the row comes from one.
    genre: Option<String>,
    /// Its items, best first; at least one. No item is in two rows.
    items: Vec<RelatedItem>,
    #[graphql(skip)]
    past: Option<Id<id::Content>>,
}

#[ComplexObject]
impl BecauseRow {
    /// The thing from the user's past that the row comes from, if it comes from one; null if it may
    /// no longer be seen.
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

/// How far back "just now" goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "Span")]
pub enum TrendingWindow {
    /// The last hour, compared with the day before it.
    Hour,
    /// The last 24 hours, compared with the seven days before them.
    Day,
    /// The last 7 days, compared with the four weeks before them.
    Week,
    /// The last 30 days, compared with the 90 days before them.
    Month,
}

/// An item that rises: users take it more just now than they used to.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct TrendingItem {
    /// How much it rises, in (0, 1]: 1 for what rises most of all, whatever the filter.
    score: f64,
    /// What users did to it in the window: of each the state that comes to, at most 2, times how far the
    /// user is to be trusted, 0 to 1.
    recent: f64,
    /// What a window of its own past would let expect, in the same measure.
    expected: f64,
    #[graphql(skip)]
    item: Id<id::Content>,
}

#[ComplexObject]
impl TrendingItem {
    /// What rises; null if it was deleted a moment ago.
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

/// Queries about what is like something, and about what rises.
#[derive(Clone, Copy, Default)]
pub struct RelatedQuery;

/// Queries about what is like something, and about what rises.
#[Object]
impl RelatedQuery {
    /// What is like one item, or like the items of some titles taken together, in groups that each
    /// say why. What may not be offered today is in none of them. For everybody.
    #[graphql(complexity = "20 + 6 * first.unwrap_or(10).clamp(1, 50) as usize * child_complexity")]
    async fn similar(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Like this item; either this or `titles`.")] content_id: Option<
            Id<id::Content>,
        >,
        #[graphql(
            desc = "Like the items of these titles, 1 to 10. Case, accents, punctuation and a leading or trailing article do not matter; a year in brackets tells namesakes apart: `Alien (1979)`."
        )]
        titles: Option<Vec<String>>,
        #[graphql(desc = "So many items in each group, 1 to 50; 10 where left out.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only these groups; all where left out.")] kinds: Option<Vec<SimilarKind>>,
    ) -> Result<SimilarItems> {
        let about = match (content_id, titles) {
            (Some(item), None) => About::Item(item),
            (None, Some(titles)) => About::Titles(titles),
            _ => {
                let message = "give either `contentId` or `titles`";
                return Err(Refusal::invalid("contentId", message).into());
            }
        };
        let kinds = match kinds {
            Some(kinds) => kinds.into_iter().map(Into::into).collect(),
            None => domain::GroupKind::ALL.to_vec(),
        };
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
        Ok(SimilarItems {
            groups: similar.groups.into_iter().map(Into::into).collect(),
            not_found: similar.not_found.into_iter().map(unknown).collect(),
            asked: similar.about,
        })
    }

    /// Rows for a front page, from a user's latest likings: what is like something they liked,
    /// bought or saw and have not taken; then what is popular in their favourite genre, or at all
    /// where nothing is known of them. No item is in two rows.
    #[graphql(
        complexity = "20 + rows.unwrap_or(5).clamp(1, 10) as usize * first.unwrap_or(10).clamp(1, 50) as usize * child_complexity"
    )]
    async fn because(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "For whom: the viewer where left out. Others are for admins, and apps with the scope RECOMMENDATIONS_READ."
        )]
        user_id: Option<Id<id::User>>,
        #[graphql(desc = "At most so many rows, 1 to 10; 5 where left out.")] rows: Option<i32>,
        #[graphql(desc = "At most so many items in each row, 1 to 50; 10 where left out.")]
        first: Option<i32>,
    ) -> Result<Vec<BecauseRow>> {
        let viewer = ctx.viewer();
        let user = match user_id {
            Some(user) => user,
            None => viewer.signed_in()?,
        };
        let service = &ctx.services().recommendations;
        let rows = service.because(viewer, user, count(rows, 5), count(first, 10));
        Ok(rows.await?.into_iter().map(Into::into).collect())
    }

    /// What rises: items that users take more just now than they used to, the steepest first; of at
    /// least three users each, and clearly more than before. Nothing where nothing rises. All are of
    /// one kind unless `filter` names kinds: the kind that rises most. HOUR and DAY may be two minutes
    /// old, WEEK and MONTH an hour. For everybody.
    #[graphql(complexity = "20 + first.unwrap_or(20).clamp(1, 100) as usize * child_complexity")]
    async fn trending(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How far back \"just now\" goes.",
            default_with = "TrendingWindow::Day"
        )]
        window: TrendingWindow,
        #[graphql(desc = "So many, 1 to 100; 20 where left out.")] first: Option<i32>,
        #[graphql(desc = "Only items that fit.")] filter: Option<ContentFilterInput>,
    ) -> Result<Vec<TrendingItem>> {
        let filter: ContentFilter = or_none(filter);
        let service = &ctx.services().recommendations;
        let trending = service.trending(window.into(), count(first, 20), &filter);
        Ok(trending.await?.into_iter().map(Into::into).collect())
    }
}

/// How many were asked for; what is below zero is as wrong as zero, and the service says so.
fn count(asked: Option<i32>, otherwise: usize) -> usize {
    asked.map_or(otherwise, |asked| usize::try_from(asked).unwrap_or(0))
}
