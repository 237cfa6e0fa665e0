//! Recommendations: types and queries.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, Enum, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::content::Content;
use super::model::Model;
use crate::domain::recommendations::model::{self as domain, ListPage};
use crate::domain::recommendations::service::cursor;
use crate::foundation::page::Window;
use crate::foundation::{Id, id};
use crate::graphql::Reach;
use crate::graphql::connection::PageInfo;

/// For what occasion a list is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::Context")]
pub enum RecommendationContext {
    /// What to take next.
    Feed,
}

/// Where a recommended item came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::Source")]
pub enum RecommendationSource {
    /// Users with like taste took it.
    Collaborative,
    /// Many took it lately.
    Popular,
    /// It is new in the catalogue.
    New,
}

/// Why an item is in a list.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Reason {
    /// Where it came from.
    pub source: RecommendationSource,
    #[graphql(skip)]
    because: Option<Id<id::Content>>,
}

#[ComplexObject]
impl Reason {
    /// The reason in a sentence, in English.
    async fn message(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(match (self.source, self.because(ctx).await?) {
            (_, Some(past)) => format!("Because you liked “{}”", past.0.fields.title),
            (RecommendationSource::Collaborative, None) => {
                "People with a taste like yours liked it".to_owned()
            }
            (RecommendationSource::Popular, None) => "Popular these days".to_owned(),
            (RecommendationSource::New, None) => "New here".to_owned(),
        })
    }

    /// The thing from the user's past that speaks most for it; null if none stands out, or if it
    /// may no longer be seen.
    async fn because(&self, ctx: &Context<'_>) -> Result<Option<Content>> {
        let Some(past) = self.because else {
            return Ok(None);
        };
        let content = ctx.loaders().content.load_one(past).await?;
        Ok(content.map(Into::into))
    }
}

/// An item at its place in a list.
#[derive(Clone, Debug)]
pub struct RecommendationItem {
    list: Id<id::List>,
    item: domain::Item,
}

/// An item at its place in a list.
#[Object]
impl RecommendationItem {
    /// Place in the list, from 1. A rank may be missing where an item was deleted since the list
    /// was drawn.
    async fn rank(&self) -> i32 {
        self.item.rank
    }

    /// How well it fits, in [0, 1]; never growing from rank to rank. Comparable within one list
    /// only.
    async fn score(&self) -> f32 {
        self.item.score
    }

    /// Where it came from.
    async fn sources(&self) -> [RecommendationSource; 1] {
        [self.item.source.into()]
    }

    /// Why it is here.
    async fn reasons(&self) -> [Reason; 1] {
        [Reason {
            source: self.item.source.into(),
            because: self.item.because,
        }]
    }

    /// Send it with the interactions that this item leads to, so that they can be told from
    /// others: which list, which rank.
    async fn attribution_token(&self) -> String {
        format!("{}.{}", self.list, self.item.rank)
    }

    /// What is recommended; null if it was deleted a moment ago.
    async fn content(&self, ctx: &Context<'_>) -> Result<Option<Content>> {
        let content = ctx.loaders().content.load_one(self.item.content).await?;
        Ok(content.map(Into::into))
    }
}

/// An item with its cursor.
#[derive(Clone, Debug, SimpleObject)]
pub struct RecommendationEdge {
    /// The place: pass it as `after` to go on from here.
    cursor: String,
    /// The item.
    node: RecommendationItem,
}

/// A list of recommendations as it was drawn, and one page of it. Its later pages continue the
/// same draw: nothing comes twice.
#[derive(Clone, Debug)]
pub struct RecommendationList(Arc<ListPage>);

impl RecommendationList {
    fn page(&self) -> impl DoubleEndedIterator<Item = RecommendationItem> + '_ {
        self.0.items.iter().map(|item| RecommendationItem {
            list: self.0.list.id,
            item: item.clone(),
        })
    }
}

/// A list of recommendations as it was drawn, and one page of it. Its later pages continue the
/// same draw: nothing comes twice.
#[Object]
impl RecommendationList {
    /// Opaque and unique; `recommendationList` gives the list again.
    pub async fn id(&self) -> async_graphql::ID {
        self.0.list.id.into()
    }

    /// For what occasion it was drawn.
    async fn context(&self) -> RecommendationContext {
        self.0.list.context.into()
    }

    /// When it was drawn.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.list.created_at
    }

    /// The collaborative model behind it; null if none had anything to say for this user.
    async fn model(&self, ctx: &Context<'_>) -> Result<Option<Model>> {
        let Some(model) = self.0.list.model else {
            return Ok(None);
        };
        let model = ctx.loaders().models.load_one(model).await?;
        Ok(model.map(Into::into))
    }

    /// The version of the table of interaction weights that it was drawn with.
    async fn weights_version(&self) -> i32 {
        self.0.list.weights_version
    }

    /// The items of this page.
    async fn items(&self) -> Vec<RecommendationItem> {
        self.page().collect()
    }

    /// The items of this page with their cursors.
    async fn edges(&self) -> Vec<RecommendationEdge> {
        let edge = |node: RecommendationItem| RecommendationEdge {
            cursor: cursor(node.list, node.item.rank),
            node,
        };
        self.page().map(edge).collect()
    }

    /// The items of this page, by the name that connections give them.
    async fn nodes(&self) -> Vec<RecommendationItem> {
        self.page().collect()
    }

    /// Where this page stands in the list.
    async fn page_info(&self) -> PageInfo {
        let place = |item: &domain::Item| cursor(self.0.list.id, item.rank);
        let first = self.0.items.first();
        PageInfo {
            has_previous_page: first.is_some_and(|item| item.rank > 1),
            has_next_page: self.0.has_next,
            start_cursor: first.map(place),
            end_cursor: self.0.items.last().map(place),
        }
    }

    /// How many items the whole list has.
    async fn total_count(&self) -> usize {
        self.0.list.items.len()
    }
}

/// Queries about recommendations.
#[derive(Clone, Copy, Default)]
pub struct RecommendationQuery;

/// Queries about recommendations.
#[Object]
impl RecommendationQuery {
    /// What to take next: a list drawn afresh, or a later page of the list that `after` belongs
    /// to. What the user has already taken is left out. Those of whom nothing is known get what
    /// is popular, then what is new.
    #[graphql(complexity = "10 + first.unwrap_or(20).clamp(1, 100) as usize * child_complexity")]
    async fn recommendations(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "For whom: the viewer where left out. Others are for admins, and apps with the scope RECOMMENDATIONS_READ."
        )]
        user_id: Option<Id<id::User>>,
        #[graphql(desc = "So many, 1 to 100; 20 where left out.")] first: Option<i32>,
        #[graphql(desc = "Only those behind this cursor, from the same list.")] after: Option<
            String,
        >,
    ) -> Result<RecommendationList> {
        let window = Window::read(first, after, None, None)?;
        let viewer = ctx.viewer();
        let user = match user_id {
            Some(user) => user,
            None => viewer.signed_in()?,
        };
        let service = &ctx.services().recommendations;
        let page = service.recommend(viewer, user, &window).await?;
        Ok(RecommendationList(Arc::new(page)))
    }

    /// A list that was drawn before; null if there is none of this id, or not for this viewer.
    #[graphql(complexity = "10 + first.unwrap_or(20).clamp(1, 100) as usize * child_complexity")]
    async fn recommendation_list(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] id: Id<id::List>,
        #[graphql(desc = "So many, 1 to 100; 20 where left out.")] first: Option<i32>,
        #[graphql(desc = "Only those behind this cursor.")] after: Option<String>,
    ) -> Result<Option<RecommendationList>> {
        let window = Window::read(first, after, None, None)?;
        let service = &ctx.services().recommendations;
        let page = service.list(ctx.viewer(), id, &window).await?;
        Ok(page.map(|page| RecommendationList(Arc::new(page))))
    }
}
