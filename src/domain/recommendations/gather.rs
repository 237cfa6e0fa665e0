//! What each source offers for a list.

use chrono::{DateTime, Utc};
use rustc_hash::FxHashMap;

use super::ask::Ask;
use super::draw::Candidates;
use super::model::{Item, Source};
use super::past::Past;
use super::service::RecommendationService;
use crate::domain::interactions::WeightTable;
use crate::foundation::{Id, Result, id};

/// What a list is drawn from, and which models said so.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) candidates: Vec<Candidates>,
    pub(super) model: Option<Id<id::Model>>,
    pub(super) model_at: Option<DateTime<Utc>>,
    pub(super) embedding: Option<Id<id::Model>>,
}

impl Gathered {
    /// Finds reasons for the first items that have none yet.
    pub(super) fn explain(&self, _items: &mut [Item]) {}
}

impl RecommendationService {
    pub(super) async fn gather(
        &self,
        user: Id<id::User>,
        _ask: &Ask,
        _past: &Past,
        _weights: &WeightTable,
    ) -> Result<Gathered> {
        let mut gathered = Gathered::default();
        if let Some(batch) = self.store.batch(user).await? {
            gathered.model = Some(batch.model);
            let mut because = FxHashMap::default();
            let mut scored = Vec::with_capacity(batch.items.len());
            for (content, score, reason) in batch.items {
                scored.push((content, score));
                because.extend(reason.map(|reason| (content, reason)));
            }
            gathered.candidates.push(Candidates {
                source: Source::Collaborative,
                weight: 0.7,
                scored,
                because,
            });
        }
        Ok(gathered)
    }
}
