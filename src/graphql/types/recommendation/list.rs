//! Lists of recommendations.

use std::sync::Arc;

use async_graphql::{Context, Enum, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::item::{RecommendationItem, RecommendationSource};
use crate::domain::recommendations::model::{self as domain, ListPage};
use crate::domain::recommendations::service::cursor;
use crate::graphql::ContextExt;
use crate::graphql::connection::PageInfo;
use crate::graphql::number::double;
use crate::graphql::types::model::Model;

/// For what occasion a list is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::Context")]
pub enum RecommendationContext {
    /// What to take next.
    Feed,
    /// What to take next of one part of the catalogue; needs a `filter`.
    Category,
    /// What answers some words, and suits the user; needs a `query`.
    Search,
    /// What is like one item, and suits the user; needs a `contentId`.
    Similar,
}

/// How much a source counts in a list.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct BlendWeight {
    /// Which source.
    source: RecommendationSource,
    /// Its weight, in (0, 1]. The weights of a list sum to 1.
    weight: f64,
}

/// How much of what the user did went into a list.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct Freshness {
    /// How old the collaborative model was when the list was drawn, in seconds; null if none had
    /// anything to say.
    model_age_seconds: Option<f64>,
    /// How many of the user's interactions went in, the last one included.
    events_applied: i32,
    /// When the last of them happened; null if there is none.
    last_event_at: Option<DateTime<Utc>>,
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
pub struct RecommendationList(pub(super) Arc<ListPage>);

impl RecommendationList {
    fn page(&self) -> impl DoubleEndedIterator<Item = RecommendationItem> + '_ {
        self.0.items.iter().map(|item| RecommendationItem {
            list: self.0.list.id,
            item: item.clone(),
            blend: Arc::clone(&self.0.list),
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

    /// The embedding model behind it; null if none had anything to say for this user.
    async fn embedding(&self, ctx: &Context<'_>) -> Result<Option<Model>> {
        let Some(model) = self.0.list.embedding else {
            return Ok(None);
        };
        let model = ctx.loaders().models.load_one(model).await?;
        Ok(model.map(Into::into))
    }

    /// How the sources were mixed: those that had something to say, with the weights that were
    /// used. Empty where everything is from the fallbacks.
    async fn blend_weights(&self) -> Vec<BlendWeight> {
        let blend = self.0.list.blend.iter();
        let weight = |(source, weight): &(domain::Source, f32)| BlendWeight {
            source: (*source).into(),
            weight: double(*weight),
        };
        blend.map(weight).collect()
    }

    /// How much of what the user did went in.
    async fn freshness(&self) -> Freshness {
        let list = &self.0.list;
        let age = |model_at: DateTime<Utc>| (list.created_at - model_at).as_seconds_f64();
        Freshness {
            model_age_seconds: list.freshness.model_at.map(age),
            events_applied: list.freshness.events,
            last_event_at: list.freshness.last_event_at,
        }
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
        let index = |item: &domain::Item| cursor(self.0.list.id, item.rank);
        let first = self.0.items.first();
        PageInfo {
            has_previous_page: first.is_some_and(|item| item.rank > 1),
            has_next_page: self.0.has_next,
            start_cursor: first.map(index),
            end_cursor: self.0.items.last().map(index),
        }
    }

    /// How many items the whole list has.
    async fn total_count(&self) -> usize {
        self.0.list.items.len()
    }
}
