//! What was asked of a list.

use async_graphql::{ComplexObject, Context, Result, SimpleObject};

use crate::domain::content::ContentFilter;
use crate::domain::recommendations::RecommendationRequest;
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::number::double;
use crate::graphql::scalars::Json;
use crate::graphql::types::content::Content;
use crate::graphql::types::recommendation::RecommendationSource;

/// The request of a recommendation list, with the controls that were applied.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct TraceRequest {
    /// Search query of a list of the context SEARCH; null otherwise.
    query: Option<String>,
    /// Conditions on the items as JSON, by the field that each is on; null if the request had none.
    filter: Option<Json>,
    /// Factors for the scores of matching items.
    boosts: Vec<TraceBoost>,
    /// Items that were placed at fixed ranks.
    pins: Vec<TracePin>,
    /// Weight of diversity relative to relevance, 0–1. An experiment may have set it.
    diversity: f64,
    /// Minimum score of items, 0–1.
    min_score: f64,
    /// Sources that filled the list if it had too few items, in this order.
    fallback: Vec<RecommendationSource>,
    #[graphql(skip)]
    seed: Option<Id<id::Content>>,
    #[graphql(skip)]
    excluded: Vec<Id<id::Content>>,
}

/// A factor for the scores of all items that matched a filter.
#[derive(Clone, Debug, SimpleObject)]
pub struct TraceBoost {
    /// The conditions as JSON, by the field that each is on.
    filter: Json,
    /// Factor for the score, 0–10.
    factor: f64,
}

/// An item that was placed at a fixed rank.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct TracePin {
    /// Requested rank of the item, 1–100.
    rank: i32,
    #[graphql(skip)]
    item: Id<id::Content>,
}

#[ComplexObject]
impl TraceRequest {
    /// The item that the list is about, for a list of the context SIMILAR; null otherwise, and if it was
    /// deleted or the viewer may not see it.
    async fn content(&self, ctx: &Context<'_>) -> Result<Option<Content>> {
        let Some(seed) = self.seed else {
            return Ok(None);
        };
        let content = ctx.loaders().content.load_one(seed).await?;
        Ok(content.map(Into::into))
    }

    /// The items that the request excluded, as far as they exist and the viewer may see them.
    #[graphql(complexity = "10 + 20 * child_complexity")]
    async fn exclude(&self, ctx: &Context<'_>) -> Result<Vec<Content>> {
        let ids = self.excluded.iter().copied();
        let mut found = ctx.loaders().content.load_many(ids).await?;
        let excluded = self.excluded.iter().filter_map(|id| found.remove(id));
        Ok(excluded.map(Into::into).collect())
    }
}

#[ComplexObject]
impl TracePin {
    /// The item; null if it was deleted or the viewer may not see it.
    async fn content(&self, ctx: &Context<'_>) -> Result<Option<Content>> {
        let content = ctx.loaders().content.load_one(self.item).await?;
        Ok(content.map(Into::into))
    }
}

/// A filter is made of what has a JSON form.
fn json(filter: &ContentFilter) -> Json {
    Json(serde_json::to_value(filter).unwrap_or_default())
}

impl From<&RecommendationRequest> for TraceRequest {
    fn from(request: &RecommendationRequest) -> Self {
        let boosts = request.boost.iter();
        let pins = request.pin.iter();
        Self {
            query: request.query.clone(),
            filter: (!request.filter.is_empty()).then(|| json(&request.filter)),
            boosts: boosts
                .map(|boost| TraceBoost {
                    filter: json(&boost.filter),
                    factor: double(boost.factor),
                })
                .collect(),
            pins: pins
                .map(|pin| TracePin {
                    rank: pin.rank,
                    item: pin.content,
                })
                .collect(),
            diversity: double(request.diversity),
            min_score: double(request.min_score),
            fallback: request.fallback.iter().copied().map(Into::into).collect(),
            seed: request.seed,
            excluded: request.exclude.clone(),
        }
    }
}
