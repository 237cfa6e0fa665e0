//! Making a list: retrieval, ranking, evidence. Requests go this way, and replays of the past.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use rustc_hash::FxHashSet;
use xxhash_rust::xxh3::xxh3_64;

use super::model::{Freshness, Item, List, Source};
use super::non_personalised::NonPersonalisedLists;
use super::retrieve::{RequestContext, Retrieved};
use super::served_ranker::ServedRanker;
use super::service::RecommendationService;
use crate::engine::catalogue::{Catalogue, ContentKind};
use crate::engine::eligibility::{Eligibility, Rules};
use crate::engine::history::{History, dot};
use crate::engine::provenance::{Provenance, Ranking, Versions};
use crate::engine::rank::{RankedItem, RankedList, RankingInput, rank};
use crate::engine::ranker::Replayed;
use crate::engine::request::RecommendationRequest;
use crate::engine::score::{Pool, Scorer, WeightedBlend};
use crate::engine::source::Context;
use crate::foundation::{Id, Result, id};

type Content = Id<id::Content>;

/// How many events of a history a model does not know that was trained from then on.
fn events_since(history: &History, model_at: Option<DateTime<Utc>>) -> i32 {
    let events = history.events().iter();
    let newer = events.take_while(|event| model_at.is_none_or(|at| event.at > at));
    i32::try_from(newer.count()).unwrap_or(i32::MAX)
}

/// The synchronous part of making a list, with all that it needs.
pub(super) struct RankingTask {
    pub(super) request: RecommendationRequest,
    pub(super) seen: FxHashSet<Content>,
    /// What the request excludes: what it names, and the item that the list is about.
    pub(super) excluded: FxHashSet<Content>,
    pub(super) day: NaiveDate,
    pub(super) length: usize,
    pub(super) non_personalised: Arc<NonPersonalisedLists>,
    pub(super) ranker: Option<Arc<ServedRanker>>,
    /// The digest of the settings.
    pub(super) settings: u64,
}

impl RecommendationService {
    /// Makes the list of a context.
    pub(super) async fn rank(&self, context: &RequestContext<'_>) -> Result<List> {
        let retrieved = Box::pin(self.retrieve(context)).await?;
        let catalogue = self.content.catalogue().await?.clone();
        let most = self.ctx.settings.recommendations.score_all_up_to;
        let small = catalogue.read().len() <= most;
        let task = self.ranking_task(context, &retrieved);
        let ranking = move || {
            let ranked = task.run(&catalogue.read(), &retrieved);
            (ranked, retrieved)
        };
        // What fills a list may be looked for in the whole catalogue: a large one is gone through
        // beside the threads that answer requests. A small one takes less than changing threads.
        let ((mut items, blend, provenance), retrieved) = if small {
            ranking()
        } else {
            let ranked = tokio::task::spawn_blocking(ranking).await;
            ranked.map_err(anyhow::Error::from)?
        };
        Box::pin(self.find_evidence(&retrieved, &blend, &mut items)).await?;
        let (request, history) = (context.request, context.history);
        Ok(List {
            id: Id::new(&self.clock, &self.rng),
            user: context.user,
            context: request.context,
            controls: serde_json::to_string(request).map_err(anyhow::Error::from)?,
            model: retrieved.model,
            embedding: retrieved.embedding,
            weights_version: history.weights().version,
            blend,
            freshness: Freshness {
                model_at: retrieved.model_at,
                events: i32::try_from(history.len()).unwrap_or(i32::MAX),
                events_since_model: events_since(history, retrieved.model_at),
                last_event_at: history.latest(),
            },
            created_at: context.now,
            items,
            variant: context.variant,
            provenance,
        })
    }

    /// The synchronous part, ready to run.
    pub(super) fn ranking_task(
        &self,
        context: &RequestContext<'_>,
        retrieved: &Retrieved,
    ) -> RankingTask {
        let request = context.request;
        let learned =
            context.blend.learned && matches!(request.context, Context::Feed | Context::Category);
        let excluded = request.exclude.iter().chain(&request.seed);
        RankingTask {
            // What is searched for by its name is found, whether the user had it or not.
            seen: match request.context {
                Context::Search => FxHashSet::default(),
                _ => context.history.excluded(context.now),
            },
            excluded: excluded.copied().collect(),
            day: context.now.date_naive(),
            length: self.ctx.settings.recommendations.list_length,
            non_personalised: Arc::clone(&context.non_personalised),
            ranker: context
                .ranker
                .clone()
                .filter(|ranker| learned && ranker.fits(retrieved.model)),
            settings: self.settings_digest(context),
            request: request.clone(),
        }
    }

    /// Tells lists apart that were made with other settings or another ranker.
    fn settings_digest(&self, context: &RequestContext<'_>) -> u64 {
        let settings = &self.ctx.settings;
        let text = format!(
            "{:?} {:?} {} {:?}",
            context.blend,
            settings.recommendations,
            context.history.weights().version,
            context.ranker.as_ref().map(|ranker| ranker.version),
        );
        xxh3_64(text.as_bytes())
    }
}

/// Items, the weights of their blend, and what the list was made of.
type RankedOutput = (Vec<Item>, Vec<(Source, f32)>, Provenance);

impl RankingTask {
    fn run(&self, catalogue: &Catalogue, retrieved: &Retrieved) -> RankedOutput {
        let list = match (&retrieved.found, &self.ranker) {
            (Some(found), _) => self.rank(catalogue, retrieved, found),
            (None, Some(ranker)) => self.rank(catalogue, retrieved, &ranker.ranker),
            (None, None) => self.rank(catalogue, retrieved, &WeightedBlend),
        };
        let versions = Versions {
            catalogue: catalogue.version(),
            settings: self.settings,
        };
        let provenance = Provenance::new(&Ranking {
            request: &self.request,
            candidates: &retrieved.candidates,
            ranker: self.ranker.as_ref().map(|served| &served.ranker),
            fallback: &self.non_personalised.slots,
            length: self.length,
            list: &list,
            catalogue,
            versions,
        });
        let id = |slot| catalogue.entry(slot).map(|item| item.id);
        let item = |(rank, item): (i32, RankedItem)| {
            Some(Item {
                rank,
                content: id(item.slot)?,
                score: item.score,
                sources: item.sources,
                parts: item.parts,
                because: item.because.and_then(id),
            })
        };
        let items = (1..).zip(list.items).filter_map(item).collect();
        (items, list.blend, provenance)
    }

    /// Ranks what was retrieved, with any scorer. Where nothing is left of the kind that the list would
    /// be of, it is of all kinds rather than empty.
    pub(super) fn rank(
        &self,
        catalogue: &Catalogue,
        retrieved: &Retrieved,
        scorer: &dyn Scorer,
    ) -> RankedList {
        let list = self.rank_of(&retrieved.kinds, catalogue, retrieved, scorer);
        if list.items.is_empty() && !retrieved.kinds.is_empty() {
            return self.rank_of(&[], catalogue, retrieved, scorer);
        }
        list
    }

    fn rank_of(
        &self,
        kinds: &[ContentKind],
        catalogue: &Catalogue,
        retrieved: &Retrieved,
        scorer: &dyn Scorer,
    ) -> RankedList {
        let vector = |slot| retrieved.vectors.get(&catalogue.entry(slot)?.id);
        let input = RankingInput {
            rules: &self.rules(catalogue, kinds),
            candidates: &retrieved.candidates,
            scorer,
            fallback: &self.non_personalised.slots,
            similarity: &|a, b| vector(a).zip(vector(b)).map_or(0.0, |(a, b)| dot(a, b)),
            length: self.length,
        };
        rank(&self.request, &input)
    }

    /// What was offered, and which of it was taken: what a ranker learns from.
    pub(super) fn replayed(
        &self,
        catalogue: &Catalogue,
        retrieved: &Retrieved,
        consumed: &FxHashSet<Content>,
    ) -> Replayed {
        let rules = self.rules(catalogue, &retrieved.kinds);
        let pool = Pool::new(&retrieved.candidates, &rules);
        let slots = consumed
            .iter()
            .filter_map(|content| catalogue.slot(*content));
        Replayed::new(&pool, &slots.collect())
    }

    fn rules<'a>(&'a self, catalogue: &'a Catalogue, kinds: &'a [ContentKind]) -> Eligibility<'a> {
        Rules::on(self.day)
            .matching(&self.request.filter)
            .of_kinds(kinds)
            .within(catalogue)
            .without(&self.excluded)
            .without_seen(&self.seen)
    }
}
