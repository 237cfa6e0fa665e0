//! Lists that are made again from their traces.

use async_graphql::{ComplexObject, Context, InputObject, Object, Result, SimpleObject};

use super::item::Trace;
use crate::domain::recommendations::model::Source;
use crate::domain::recommendations::traces as domain;
use crate::foundation::page::size;
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::enums::values;
use crate::graphql::number::{double, int, single};
use crate::graphql::types::content::Content;
use crate::graphql::types::recommendation::{BlendWeight, RecommendationSource};

/// The weight of a source in a replay.
#[derive(Clone, Copy, Debug, InputObject)]
pub struct SourceWeightInput {
    /// The source that the weight applies to. Each source may be named once.
    source: RecommendationSource,
    /// Weight relative to the other sources, 0–1. All weights are scaled to sum to 1.
    weight: f64,
}

/// Inputs of a recommendation list that a replay changes. What is omitted stays as it was.
#[derive(Clone, Debug, Default, InputObject)]
pub struct ReplayChangesInput {
    /// Weights of sources in place of those that they had. Other sources keep their weights.
    weights: Option<Vec<SourceWeightInput>>,
    /// Sources to omit, including fallbacks and pins.
    without_sources: Option<Vec<RecommendationSource>>,
    /// IDs of items to omit, at most 1,000.
    exclude: Option<Vec<Id<id::Content>>>,
    /// Weight of diversity relative to relevance, 0–1. Similarities that are not stored with the list are
    /// computed with the current embeddings.
    diversity: Option<f64>,
    /// Minimum score of items, 0–1.
    min_score: Option<f64>,
}

impl From<ReplayChangesInput> for domain::Changes {
    fn from(input: ReplayChangesInput) -> Self {
        let weights = input.weights.unwrap_or_default().into_iter();
        let weight = |given: SourceWeightInput| (Source::from(given.source), single(given.weight));
        Self {
            weights: weights.map(weight).collect(),
            without: input.without_sources.map(values).unwrap_or_default(),
            exclude: input.exclude.unwrap_or_default(),
            diversity: input.diversity.map(single),
            min_score: input.min_score.map(single),
        }
    }
}

/// A recommendation list that was computed again from its trace, and how it differs from the stored list.
#[derive(Debug)]
pub struct Replay(domain::ReplayedTrace);

impl From<domain::ReplayedTrace> for Replay {
    fn from(replayed: domain::ReplayedTrace) -> Self {
        Self(replayed)
    }
}

/// A recommendation list that was computed again from its trace, and how it differs from the stored list.
#[Object]
impl Replay {
    /// The trace that the list was computed from.
    async fn trace(&self) -> Trace {
        self.0.trace.clone().into()
    }

    /// Whether both lists have the same items at the same ranks with the same scores, to the last bit.
    async fn identical(&self) -> bool {
        self.0.identical
    }

    /// Weights of the sources that contributed to the replayed list; they sum to 1.
    async fn blend_weights(&self) -> Vec<BlendWeight> {
        let blend = self.0.blend.iter();
        blend
            .map(|(source, weight)| BlendWeight::new(*source, *weight))
            .collect()
    }

    /// The first items of the replayed list, ordered by rank.
    #[graphql(complexity = "first.unwrap_or(20).clamp(1, 100) as usize * child_complexity")]
    async fn items(
        &self,
        #[graphql(desc = "Number of items to return, 1–100 (default 20).")] first: Option<i32>,
    ) -> Result<Vec<ReplayItem>> {
        page(&self.0.entries, first)
    }

    /// The first items of the stored list that are not in the replayed list, ordered by their rank in the
    /// stored list.
    #[graphql(complexity = "first.unwrap_or(20).clamp(1, 100) as usize * child_complexity")]
    async fn left(
        &self,
        #[graphql(desc = "Number of items to return, 1–100 (default 20).")] first: Option<i32>,
    ) -> Result<Vec<ReplayItem>> {
        page(&self.0.left, first)
    }

    /// Number of items in the replayed list.
    async fn total_count(&self) -> i32 {
        int(self.0.entries.len())
    }

    /// Number of items that are in the replayed list and not in the stored list.
    async fn entered_count(&self) -> i32 {
        int(self.0.counts().0)
    }

    /// Number of items that are in the stored list and not in the replayed list.
    async fn left_count(&self) -> i32 {
        int(self.0.left.len())
    }

    /// Number of items that are in both lists at different ranks.
    async fn moved_count(&self) -> i32 {
        int(self.0.counts().1)
    }
}

fn page(entries: &[domain::ReplayEntry], first: Option<i32>) -> Result<Vec<ReplayItem>> {
    let entries = entries.iter().take(size("first", first)?);
    Ok(entries.copied().map(Into::into).collect())
}

/// An item of a replayed list, or one that is no longer in it.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct ReplayItem {
    /// Rank in the replayed list, starting at 1; null if the item is not in it.
    rank: Option<i32>,
    /// Score in the replayed list, in [0, 1]; null if the item is not in it.
    score: Option<f64>,
    /// Rank in the stored list, starting at 1; null if the item is not in it.
    stored_rank: Option<i32>,
    /// Score in the stored list, in [0, 1]; null if the item is not in it.
    stored_score: Option<f64>,
    /// The sources that proposed the item.
    sources: Vec<RecommendationSource>,
    #[graphql(skip)]
    item: Id<id::Content>,
}

#[ComplexObject]
impl ReplayItem {
    /// The item; null if it was deleted or the viewer may not see it.
    async fn content(&self, ctx: &Context<'_>) -> Result<Option<Content>> {
        let content = ctx.loaders().content.load_one(self.item).await?;
        Ok(content.map(Into::into))
    }
}

impl From<domain::ReplayEntry> for ReplayItem {
    fn from(entry: domain::ReplayEntry) -> Self {
        Self {
            rank: entry.now.map(|(rank, _)| rank),
            score: entry.now.map(|(_, score)| double(score)),
            stored_rank: entry.before.map(|(rank, _)| rank),
            stored_score: entry.before.map(|(_, score)| double(score)),
            sources: entry.sources.iter().map(Into::into).collect(),
            item: entry.content,
        }
    }
}
