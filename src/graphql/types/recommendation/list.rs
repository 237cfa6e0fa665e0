//! Lists of recommendations.

use std::sync::Arc;

use async_graphql::{Context, Object, Result, SimpleObject};

use super::item::{RecommendationItem, RecommendationSource};
use crate::domain::recommendations::model::{self as domain, ListPage};
use crate::domain::recommendations::service::cursor;
use crate::graphql::ContextExt;
use crate::graphql::connection::PageInfo;
use crate::graphql::enums::graphql_enum;
use crate::graphql::number::double;
use crate::graphql::scalars::DateTime;
use crate::graphql::types::experiment::ExperimentVariant;
use crate::graphql::types::model::Model;

graphql_enum!(domain::Context as RecommendationContext);

/// Weight of one source in a recommendation list.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct BlendWeight {
    /// The source that the weight applies to.
    source: RecommendationSource,
    /// Weight of the source, in [0, 1]. The weights of a list sum to 1.
    weight: f64,
}

impl BlendWeight {
    /// The weight of a source.
    pub fn new(source: domain::Source, weight: f32) -> Self {
        Self {
            source: source.into(),
            weight: double(weight),
        }
    }
}

/// How recent the data behind a recommendation list was.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct Freshness {
    /// Age of the collaborative model when the list was computed, in seconds; null if the model did
    /// not contribute.
    model_age_seconds: Option<f64>,
    /// Number of the user's interactions that the list takes into account, including the most
    /// recent one.
    events_applied: i32,
    /// Number of these interactions that the collaborative model does not know, because they happened
    /// after its training began; all of them if the model did not contribute.
    events_since_model: i32,
    /// Time of the user's most recent interaction that the list takes into account; null if there
    /// is none.
    last_event_at: Option<DateTime>,
}

/// An item of a recommendation list and its cursor.
#[derive(Clone, Debug, SimpleObject)]
pub struct RecommendationEdge {
    /// Opaque position of the item in the list. Pass it as `after` to fetch the items that follow
    /// it.
    cursor: String,
    /// The item at this position.
    node: RecommendationItem,
}

/// A page of a recommendation list. The list is stored: its pages never repeat an item, and
/// `recommendationList` returns it again.
#[derive(Clone, Debug)]
pub struct RecommendationList(pub(super) Arc<ListPage>);

impl From<ListPage> for RecommendationList {
    fn from(page: ListPage) -> Self {
        Self(Arc::new(page))
    }
}

impl RecommendationList {
    fn page(&self) -> impl DoubleEndedIterator<Item = RecommendationItem> + '_ {
        self.0.items.iter().map(|item| RecommendationItem {
            list: self.0.list.id,
            item: item.clone(),
            blend: Arc::clone(&self.0.list),
        })
    }
}

/// A page of a recommendation list. The list is stored: its pages never repeat an item, and
/// `recommendationList` returns it again.
#[Object]
impl RecommendationList {
    /// Opaque, globally unique ID of the list. Pass it to `recommendationList` to fetch the list
    /// again.
    pub async fn id(&self) -> async_graphql::ID {
        self.0.list.id.into()
    }

    /// The context that the list was computed for.
    async fn context(&self) -> RecommendationContext {
        self.0.list.context.into()
    }

    /// Time when the list was computed.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.list.created_at)
    }

    /// The collaborative model that contributed to the list; null if none did, for example for a
    /// new user.
    async fn model(&self, ctx: &Context<'_>) -> Result<Option<Model>> {
        let Some(model) = self.0.list.model else {
            return Ok(None);
        };
        let model = ctx.loaders().models.load_one(model).await?;
        Ok(model.map(Into::into))
    }

    /// The embedding model that contributed to the list; null if none did, for example for a new
    /// user.
    async fn embedding(&self, ctx: &Context<'_>) -> Result<Option<Model>> {
        let Some(model) = self.0.list.embedding else {
            return Ok(None);
        };
        let model = ctx.loaders().models.load_one(model).await?;
        Ok(model.map(Into::into))
    }

    /// The variant of an experiment that the list was computed for; null if no experiment ran for its
    /// context, or if the experiment was deleted. Visible to admins; null for everyone else.
    async fn variant(&self, ctx: &Context<'_>) -> Result<Option<ExperimentVariant>> {
        let Some(variant) = self.0.list.variant else {
            return Ok(None);
        };
        let variant = ctx.loaders().variants.load_one(variant).await?;
        Ok(variant.map(Into::into))
    }

    /// Weights of the sources that contributed to the list; empty if all items come from fallbacks
    /// or pins.
    async fn blend_weights(&self) -> Vec<BlendWeight> {
        let blend = self.0.list.blend.iter();
        let blend = blend.map(|(source, weight)| BlendWeight::new(*source, *weight));
        blend.collect()
    }

    /// How recent the data behind the list was.
    async fn freshness(&self) -> Freshness {
        let list = &self.0.list;
        let age =
            |model_at: chrono::DateTime<chrono::Utc>| (list.created_at - model_at).as_seconds_f64();
        Freshness {
            model_age_seconds: list.freshness.model_at.map(age),
            events_applied: list.freshness.events,
            events_since_model: list.freshness.events_since_model,
            last_event_at: list.freshness.last_event_at.map(DateTime),
        }
    }

    /// Version of the interaction weights that the list was computed with. See
    /// `interactionWeights`.
    async fn weights_version(&self) -> i32 {
        self.0.list.weights_version
    }

    /// The items on this page, ordered by rank.
    async fn items(&self) -> Vec<RecommendationItem> {
        self.page().collect()
    }

    /// The items on this page, each with its cursor.
    async fn edges(&self) -> Vec<RecommendationEdge> {
        let edge = |node: RecommendationItem| RecommendationEdge {
            cursor: cursor(node.list, node.item.rank),
            node,
        };
        self.page().map(edge).collect()
    }

    /// The items on this page; the same as `items`.
    async fn nodes(&self) -> Vec<RecommendationItem> {
        self.page().collect()
    }

    /// Cursors of this page, and whether there are other pages.
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

    /// Whether the list is stored. False while the database can be read but not written: such a list has no
    /// further page, and `recommendationList` does not find it.
    async fn stored(&self) -> bool {
        self.0.stored
    }

    /// Number of items in the whole list, across all pages.
    async fn total_count(&self) -> usize {
        self.0.list.items.len()
    }
}
