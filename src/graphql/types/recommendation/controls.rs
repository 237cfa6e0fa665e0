//! What a caller may ask of a list.

use async_graphql::InputObject;

use super::item::RecommendationSource;
use super::list::RecommendationContext;
use crate::domain::content::model::ContentFilter;
use crate::domain::recommendations::{Boost, Context, Pin, RecommendationRequest};
use crate::foundation::{Id, Refusal, id};
use crate::graphql::enums::values;
use crate::graphql::filter::or_none;
use crate::graphql::number::single;
use crate::graphql::types::content::ContentFilterInput;

/// A factor for the scores of all items that match a filter.
#[derive(Clone, Debug, InputObject)]
pub struct BoostInput {
    /// The items whose scores are multiplied.
    filter: ContentFilterInput,
    /// Factor for the score, 0–10; 1 leaves it unchanged. If a score would exceed 1, the scores of
    /// all items are scaled down by the same ratio.
    factor: f64,
}

/// An item placed at a fixed rank of a list.
#[derive(Clone, Copy, Debug, InputObject)]
pub struct PinInput {
    /// ID of the item to place. It is included even if `exclude`, `filter` or the user's history
    /// would remove it, but not if it is currently unavailable (deleted, not public, outside its
    /// rights period or out of stock).
    content_id: Id<id::Content>,
    /// Rank of the item, 1–100; each rank may be used once. If the list is shorter, the item is
    /// appended.
    rank: i32,
}

/// The arguments of a query that control a list.
pub(super) struct Controls {
    pub(super) context: RecommendationContext,
    pub(super) like: Option<Id<id::Content>>,
    pub(super) query: Option<String>,
    pub(super) filter: Option<ContentFilterInput>,
    pub(super) boost: Option<Vec<BoostInput>>,
    pub(super) exclude: Option<Vec<Id<id::Content>>>,
    pub(super) pin: Option<Vec<PinInput>>,
    pub(super) diversity: Option<f64>,
    pub(super) min_score: Option<f64>,
    pub(super) fallback: Option<Vec<RecommendationSource>>,
}

impl TryFrom<Controls> for RecommendationRequest {
    type Error = Refusal;

    fn try_from(controls: Controls) -> Result<Self, Refusal> {
        let usual = Self::default();
        let context: Context = controls.context.into();
        let boosts = controls.boost.unwrap_or_default().into_iter().enumerate();
        let boosts = boosts.map(|(index, boost)| {
            let filter: Result<ContentFilter, Refusal> = boost.filter.try_into();
            let filter = filter.map_err(|refusal| {
                let outer = ["boost".to_owned(), index.to_string(), "filter".to_owned()];
                refusal.under(outer)
            })?;
            Ok(Boost {
                filter,
                factor: single(boost.factor),
            })
        });
        let pins = controls.pin.unwrap_or_default().into_iter();
        Ok(Self {
            context,
            seed: controls.like,
            query: controls.query,
            filter: or_none("filter", controls.filter)?,
            boost: boosts.collect::<Result<_, Refusal>>()?,
            exclude: controls.exclude.unwrap_or_default(),
            pin: pins
                .map(|pin| Pin {
                    content: pin.content_id,
                    rank: pin.rank,
                })
                .collect(),
            diversity: controls.diversity.map_or(usual.diversity, single),
            min_score: controls.min_score.map_or(usual.min_score, single),
            fallback: match (controls.fallback, context) {
                (Some(asked), _) => values(asked),
                // What answers no query is no search result.
                (None, Context::Search) => Vec::new(),
                (None, _) => usual.fallback,
            },
        })
    }
}
