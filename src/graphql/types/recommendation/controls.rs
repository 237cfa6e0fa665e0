//! What a caller may ask of a list.

use async_graphql::InputObject;

use super::item::RecommendationSource;
use super::list::RecommendationContext;
use crate::domain::recommendations::{Boost, Pin, RecommendationRequest};
use crate::foundation::{Id, id};
use crate::graphql::filter::or_none;
use crate::graphql::number::single;
use crate::graphql::types::content::ContentFilterInput;

/// Items that count more, or less.
#[derive(Clone, Debug, InputObject)]
pub struct BoostInput {
    /// Which.
    filter: ContentFilterInput,
    /// Their score is multiplied by so much, 0 to 10; 1 changes nothing. Where a score would grow
    /// beyond 1, all are scaled down alike.
    factor: f64,
}

/// An item at a rank of your choice.
#[derive(Clone, Copy, Debug, InputObject)]
pub struct PinInput {
    /// Which. It comes even if the user has it, but not if it may not be shown.
    content_id: Id<id::Content>,
    /// Where, 1 to 100; behind the last item where the list is shorter.
    rank: i32,
}

/// What is asked of a list, from the arguments of a query.
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

impl From<Controls> for RecommendationRequest {
    fn from(controls: Controls) -> Self {
        let usual = Self::default();
        let boosts = controls.boost.unwrap_or_default().into_iter();
        let pins = controls.pin.unwrap_or_default().into_iter();
        Self {
            context: controls.context.into(),
            seed: controls.like,
            query: controls.query,
            filter: or_none(controls.filter),
            boost: boosts
                .map(|boost| Boost {
                    filter: boost.filter.into(),
                    factor: single(boost.factor),
                })
                .collect(),
            exclude: controls.exclude.unwrap_or_default(),
            pin: pins
                .map(|pin| Pin {
                    content: pin.content_id,
                    rank: pin.rank,
                })
                .collect(),
            diversity: controls.diversity.map_or(usual.diversity, single),
            min_score: controls.min_score.map_or(usual.min_score, single),
            fallback: controls.fallback.map_or(usual.fallback, |sources| {
                sources.into_iter().map(Into::into).collect()
            }),
        }
    }
}
