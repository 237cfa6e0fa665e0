//! Items of lists, and why they are there.

use async_graphql::{ComplexObject, Context, Object, Result, SimpleObject};

use crate::domain::recommendations::model as domain;
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::enums::graphql_enum;
use crate::graphql::number::double;
use crate::graphql::types::content::Content;

graphql_enum!(domain::Source as RecommendationSource);

/// The main reason why an item was recommended.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Reason {
    /// The source that contributed most to the item's score.
    pub source: RecommendationSource,
    #[graphql(skip)]
    reason: domain::Reason,
}

#[ComplexObject]
impl Reason {
    /// The reason as an English sentence for display.
    async fn message(&self, ctx: &Context<'_>) -> Result<String> {
        let because = match self.because(ctx).await? {
            None => None,
            Some(thing) => Some(thing.0.fields.title.clone()),
        };
        Ok(self.reason.sentence(because.as_deref()))
    }

    /// The item from the user's history, or the item the list is about, that is the strongest
    /// evidence for the recommendation; null if there is none or the viewer may not see it.
    async fn because(&self, ctx: &Context<'_>) -> Result<Option<Content>> {
        let Some(past) = self.reason.because else {
            return Ok(None);
        };
        let content = ctx.loaders().content.load_one(past).await?;
        Ok(content.map(Into::into))
    }
}

/// The contribution of one source to the score of an item.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct Contribution {
    /// The source that contributes to the score.
    source: RecommendationSource,
    /// Score given by the source, calibrated by rank to [0, 1]; 1 for the source's first candidate,
    /// 0 if the source did not propose the item.
    score: f64,
    /// Weight of the source in this list, in [0, 1].
    weight: f64,
}

/// A number that explains a score, with the numbers it is computed from.
#[derive(Clone, Debug)]
pub struct Explanation(domain::Explanation);

/// A number that explains a score, with the numbers it is computed from.
#[Object]
impl Explanation {
    /// The number: a score, a weight or the contribution of a source.
    async fn value(&self) -> f64 {
        double(self.0.value)
    }

    /// What the number is, in English.
    async fn description(&self) -> String {
        use domain::Description;
        match self.0.description {
            Description::Score => "score: the sum of the parts".to_owned(),
            Description::Contribution(source) => {
                format!("{}: weight times calibrated score", source.as_str())
            }
            Description::Weight(source) => format!("weight of {} in this list", source.as_str()),
            Description::Calibrated(source) => {
                format!("score of {} on the common scale", source.as_str())
            }
            Description::Control => "boosts, pins, diversity and fallbacks".to_owned(),
        }
    }

    /// The numbers that the value is computed from; empty if it is not computed from others.
    async fn parts(&self) -> Vec<Explanation> {
        self.0.parts.iter().cloned().map(Explanation).collect()
    }
}

/// An item of a recommendation list.
#[derive(Clone, Debug)]
pub struct RecommendationItem {
    pub(super) list: Id<id::List>,
    pub(super) item: domain::Item,
    pub(super) blend: std::sync::Arc<domain::List>,
}

/// An item of a recommendation list.
#[Object]
impl RecommendationItem {
    /// Rank of the item in the list, starting at 1. Ranks may be missing if items have become
    /// unavailable since the list was computed, or the user has interacted with them.
    async fn rank(&self) -> i32 {
        self.item.rank
    }

    /// Score of the item in [0, 1]. Scores never increase with rank and are comparable within one
    /// list only.
    async fn score(&self) -> f64 {
        double(self.item.score)
    }

    /// The sources that proposed the item, starting with the one that contributed most to the
    /// score.
    async fn sources(&self) -> Vec<RecommendationSource> {
        let main = self.item.source(&self.blend.blend);
        let others = self.item.sources.iter().filter(|source| *source != main);
        std::iter::once(main)
            .chain(others)
            .map(Into::into)
            .collect()
    }

    /// Contribution of each source of the list's blend. Without boosts, pins and diversity, the
    /// score is the sum of `score · weight`. All are 0 for items from fallbacks and pins.
    async fn contributions(&self) -> Vec<Contribution> {
        let blend = self.blend.blend.iter().zip(&self.item.parts);
        let contribution =
            |((source, weight), part): (&(domain::Source, f32), &f32)| Contribution {
                source: (*source).into(),
                score: double((part / weight).clamp(0.0, 1.0)),
                weight: double(*weight),
            };
        blend.map(contribution).collect()
    }

    /// How the score was computed, as a tree of numbers, each the sum or the product of its parts.
    async fn explanation(&self) -> Explanation {
        Explanation(self.item.explained(&self.blend.blend).tree())
    }

    /// Why the item was recommended: one entry, for the source that contributed most.
    async fn reasons(&self) -> [Reason; 1] {
        let reason = self.item.explained(&self.blend.blend).reason();
        [Reason {
            source: reason.source.into(),
            reason,
        }]
    }

    /// Token that attributes interactions to this item of this list. Pass it to
    /// `recordInteraction`, `recordInteractions` or `recordRecommendationFeedback`.
    async fn attribution_token(&self) -> String {
        format!("{}.{}", self.list, self.item.rank)
    }

    /// The recommended item; null if it was deleted after the list was computed.
    async fn content(&self, ctx: &Context<'_>) -> Result<Option<Content>> {
        let content = ctx.loaders().content.load_one(self.item.content).await?;
        Ok(content.map(Into::into))
    }
}
