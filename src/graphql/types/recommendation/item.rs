//! Items of lists, and why they are there.

use async_graphql::{ComplexObject, Context, Enum, Object, Result, SimpleObject};

use crate::domain::recommendations::model as domain;
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::number::double;
use crate::graphql::types::content::Content;

/// Where a recommended item came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::Source")]
pub enum RecommendationSource {
    /// Users with like taste took it.
    Collaborative,
    /// It is near to what the user has come to like.
    Interests,
    /// It is near to what the user did just now.
    Session,
    /// It is like the item that the list is about.
    Similar,
    /// Those who took the item that the list is about took it, too.
    Together,
    /// It answers the words of the query.
    Query,
    /// Many took it lately.
    Popular,
    /// It is new in the catalogue.
    New,
    /// It passes the filter.
    Any,
    /// The caller put it there.
    Pinned,
}

/// Why an item is in a list.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Reason {
    /// Where it came from.
    pub source: RecommendationSource,
    #[graphql(skip)]
    reason: domain::Reason,
}

#[ComplexObject]
impl Reason {
    /// The reason in a sentence, in English.
    async fn message(&self, ctx: &Context<'_>) -> Result<String> {
        let because = match self.because(ctx).await? {
            None => None,
            Some(thing) => Some(thing.0.fields.title.clone()),
        };
        Ok(self.reason.sentence(because.as_deref()))
    }

    /// The thing from the user's past, or the one that the list is about, that speaks most for it;
    /// null if none stands out, or if it may no longer be seen.
    async fn because(&self, ctx: &Context<'_>) -> Result<Option<Content>> {
        let Some(past) = self.reason.because else {
            return Ok(None);
        };
        let content = ctx.loaders().content.load_one(past).await?;
        Ok(content.map(Into::into))
    }
}

/// What one source says of an item.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct Contribution {
    /// Which source.
    source: RecommendationSource,
    /// The source's own score: the share of its candidates that are no better, in [0, 1]; 0 if
    /// the item is not among them.
    score: f64,
    /// The weight of the source in this list, in [0, 1].
    weight: f64,
}

/// A number of a list, what it is, and the numbers that it comes from.
#[derive(Clone, Debug)]
pub struct Explanation(domain::Explanation);

/// A number of a list, what it is, and the numbers that it comes from.
#[Object]
impl Explanation {
    /// The number: a score, a weight, or what a source adds.
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

    /// The numbers that it comes from; empty for a number that comes from no other.
    async fn parts(&self) -> Vec<Explanation> {
        self.0.parts.iter().cloned().map(Explanation).collect()
    }
}

/// An item at its place in a list.
#[derive(Clone, Debug)]
pub struct RecommendationItem {
    pub(super) list: Id<id::List>,
    pub(super) item: domain::Item,
    pub(super) blend: std::sync::Arc<domain::List>,
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
    async fn score(&self) -> f64 {
        double(self.item.score)
    }

    /// Where it came from, the source that says most for it first.
    async fn sources(&self) -> Vec<RecommendationSource> {
        let main = self.item.source(&self.blend.blend);
        let others = self.item.sources.iter().filter(|source| *source != main);
        std::iter::once(main)
            .chain(others)
            .map(Into::into)
            .collect()
    }

    /// What each source of the list's blend says of it. Without boosts, the score is the sum of
    /// `score · weight`; none for items that no source of the blend offered.
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

    /// How the score comes about: a tree of numbers, each the sum or the product of its parts.
    async fn explanation(&self) -> Explanation {
        Explanation(self.item.explained(&self.blend.blend).tree())
    }

    /// Why it is here.
    async fn reasons(&self) -> [Reason; 1] {
        let reason = self.item.explained(&self.blend.blend).reason();
        [Reason {
            source: reason.source.into(),
            reason,
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
