//! Retrieval: the candidates of each source for a list.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rustc_hash::FxHashSet;

use super::kinds::heaviest_kind;
use super::model::{Item, Source};
use super::non_personalised::NonPersonalisedLists;
use super::served_model::{ServedModel, UNKNOWN};
use super::served_ranker::ServedRanker;
use super::service::RecommendationService;
use crate::domain::embeddings::VectorTable;
use crate::domain::search;
use crate::engine::candidates::Candidates;
use crate::engine::catalogue::{Catalogue, ContentKind};
use crate::engine::eligibility::Rules;
use crate::engine::fusion::FoundOrder;
use crate::engine::history::{History, Positive, Profile, dot};
use crate::engine::request::RecommendationRequest;
use crate::engine::source::Context;
use crate::foundation::{Id, Result, id};
use crate::platform::config::Blend;
use ranking::collaborative::Scored;

type Content = Id<id::Content>;

/// Items at the head of a list that get evidence of their own.
const EXPLAINED: usize = 100;
/// Items near to a vector that are offered, beside those that the user has already.
const NEAR: usize = 300;
/// The least cosine at which an item of the history is evidence for another.
const MIN_EVIDENCE_COSINE: f32 = 0.2;

/// The context of a request: user, history, models. A replay passes other models and a shorter history.
pub(super) struct RequestContext<'a> {
    pub(super) user: Id<id::User>,
    pub(super) request: &'a RecommendationRequest,
    pub(super) history: &'a History,
    /// How much the sources count: as configured, or as a variant of an experiment has it.
    pub(super) blend: &'a Blend,
    /// The moment that sessions and rights are seen from.
    pub(super) now: DateTime<Utc>,
    /// The variant of an experiment that the list is for.
    pub(super) variant: Option<Id<id::Variant>>,
    pub(super) model: Option<Arc<ServedModel>>,
    pub(super) ranker: Option<Arc<ServedRanker>>,
    pub(super) non_personalised: Arc<NonPersonalisedLists>,
    /// Whether lists that were stored in batch may be read: they are of the model in service.
    pub(super) batch: bool,
}

/// The retrieved candidates, and the models behind them.
#[derive(Default)]
pub(super) struct Retrieved {
    pub(super) candidates: Vec<Candidates>,
    /// In the context SEARCH: the ranked search that the candidates are of.
    pub(super) found: Option<FoundOrder>,
    /// The kinds that the list is of; empty where it is of all.
    pub(super) kinds: Vec<ContentKind>,
    pub(super) model: Option<Id<id::Model>>,
    pub(super) model_at: Option<DateTime<Utc>>,
    pub(super) embedding: Option<Id<id::Model>>,
    /// Vectors of candidates, where the list is to be diverse.
    pub(super) vectors: VectorTable,
    pub(super) scored: Option<(Arc<ServedModel>, Scored)>,
    pub(super) positives: Vec<Positive>,
    /// Of these, what the user would call a liking: an item that was only looked at is no reason.
    pub(super) positive_items: FxHashSet<Content>,
}

impl RequestContext<'_> {
    /// The rules that hold for every candidate.
    pub(super) fn rules<'a>(&'a self, kinds: &'a [ContentKind]) -> Rules<'a> {
        Rules::on(self.now.date_naive())
            .matching(&self.request.filter)
            .of_kinds(kinds)
    }
}

impl RecommendationService {
    /// Asks every source of the context for its candidates. A source that knows nothing offers
    /// nothing.
    pub(super) async fn retrieve(&self, context: &RequestContext<'_>) -> Result<Retrieved> {
        let (request, history) = (context.request, context.history);
        let (profile, embedding) = tokio::try_join!(
            self.profiles.profile(history, context.now),
            self.embeddings.active(),
        )?;
        let positives = history.positives();
        let mut retrieved = Retrieved {
            kinds: self.kinds(context, &positives).await?,
            positives,
            positive_items: positive_items(history),
            ..Retrieved::default()
        };
        let depth = self.ctx.settings.recommendations.list_length
            + history.len().min(5_000)
            + request.exclude.len();
        match request.context {
            Context::Feed | Context::Category => {
                self.by_taste(context, &mut retrieved, depth).await?;
                if let Some(profile) = &profile {
                    self.by_profile(context, profile, &mut retrieved).await?;
                }
            }
            Context::Search => {
                let found = self.by_query(context, depth).await?;
                retrieved.candidates = found.candidates();
                retrieved.found = Some(found);
            }
            Context::Similar => {
                self.by_seed(context, profile.as_ref(), &mut retrieved)
                    .await?;
            }
        }
        let by_meaning = |from: &Candidates| {
            matches!(
                from.source,
                Source::Interests | Source::Session | Source::Similar
            ) && !from.scored.is_empty()
        };
        if retrieved.candidates.iter().any(by_meaning) {
            retrieved.embedding = embedding.map(|embedding| embedding.model.id);
        }
        if request.diversity > 0.0 {
            retrieved.vectors = self.vectors_of_heads(&retrieved.candidates).await?;
        }
        Ok(retrieved)
    }

    /// The kinds that a list is of where nobody asked: films and shoes are not mixed in a feed. That
    /// of most of what the user likes, and for a newcomer that of most of what is popular.
    async fn kinds(
        &self,
        context: &RequestContext<'_>,
        positives: &[Positive],
    ) -> Result<Vec<ContentKind>> {
        let request = context.request;
        if request.context != Context::Feed || request.filter.names_kind() {
            return Ok(Vec::new());
        }
        let catalogue = self.content.catalogue().await?.read();
        let kind = |slot: u32| catalogue.entry(slot).map(|item| item.kind);
        let theirs = positives.iter().filter_map(|item| {
            let slot = catalogue.slot(item.content)?;
            Some((kind(slot)?, item.weight))
        });
        let popular = context.non_personalised.slots.popular.iter();
        let popular = popular.filter_map(|(slot, score)| Some((kind(*slot)?, *score)));
        let most = heaviest_kind(theirs).or_else(|| heaviest_kind(popular));
        Ok(most.into_iter().collect())
    }

    /// What users with a similar taste took: by the model in memory, so that what the user did a
    /// moment ago counts. Where the catalogue is too large to score all of it, the stored batch and what
    /// was taken together with what the user likes most are scored.
    async fn by_taste(
        &self,
        context: &RequestContext<'_>,
        retrieved: &mut Retrieved,
        depth: usize,
    ) -> Result<()> {
        let most = self.ctx.settings.recommendations.score_all_up_to;
        let weight = context.blend.batch;
        let model = context.model.clone();
        let entries = model
            .as_ref()
            .map(|model| model.entries(&retrieved.positives));
        let entries = entries.filter(|entries| !entries.is_empty());
        let all = model.as_ref().is_some_and(|model| model.items() <= most);
        let batch = if all || !context.batch {
            None
        } else {
            self.store.batch(context.user).await?
        };
        let index = self.content.catalogue().await?;
        if let (Some(model), Some(entries)) = (model, entries) {
            let scored = if all {
                model.scores(&entries)?
            } else {
                let stored = batch.iter().flat_map(|batch| &batch.items);
                model.scores_near(&entries, stored.map(|(content, ..)| *content))?
            };
            {
                let catalogue = index.read();
                let rules = context.rules(&retrieved.kinds).within(&catalogue);
                let slots = model.slots(index, &catalogue);
                let passes = |item: u32| match slots.get(item as usize) {
                    Some(slot) if *slot != UNKNOWN => rules.is_eligible(*slot),
                    _ => rules.is_eligible_content(model.contents()[item as usize]),
                };
                let best = model.best(&scored, depth, passes);
                let signals = model.signals(&scored, &best, weight, &catalogue);
                retrieved.candidates.extend(signals);
            }
            retrieved.model = Some(model.model);
            retrieved.model_at = Some(model.trained_at);
            retrieved.scored = Some((model, scored));
        } else if let Some(batch) = batch {
            let catalogue = index.read();
            let mut from = Candidates::new(Source::Collaborative, weight, Vec::new());
            for (content, score, because) in batch.items {
                let Some(slot) = catalogue.slot(content) else {
                    continue;
                };
                from.scored.push((slot, score));
                // The reason of then may have been taken back since.
                let because = because.filter(|past| retrieved.positive_items.contains(past));
                let because = because.and_then(|because| catalogue.slot(because));
                from.because.extend(because.map(|because| (slot, because)));
            }
            retrieved.candidates.push(from);
            retrieved.model = Some(batch.model);
            retrieved.model_at = Some(batch.trained_at);
        }
        Ok(())
    }

    /// What is near to the user's interests, and to what they do just now. Whatever was offered
    /// already is judged as well, so that a candidate of the model is not held to be unlike the
    /// user's taste for want of being looked at.
    async fn by_profile(
        &self,
        context: &RequestContext<'_>,
        profile: &Profile,
        retrieved: &mut Retrieved,
    ) -> Result<()> {
        let blend = context.blend;
        let count = NEAR + context.history.profiled().len();
        let index = self.content.catalogue().await?;
        let kinds = retrieved.kinds.clone();
        // Asked of each item of the catalogue, or of nearly all.
        let rules = context.rules(&kinds);
        let keep = |content| {
            let catalogue = index.read();
            rules.within(&catalogue).is_eligible_content(content)
        };
        let interests = profile.interests.as_slice().iter();
        let queries: Vec<&[f32]> = interests
            .map(|interest| interest.vector.as_slice())
            .chain([profile.session.as_slice()])
            .collect();
        let near = self.embeddings.nearest_each(&queries, count, &keep).await?;
        let mut among: FxHashSet<Content> =
            near.iter().flatten().map(|near| near.content).collect();
        {
            let catalogue = index.read();
            let offered = retrieved.candidates.iter().flat_map(|from| &from.scored);
            let offered: Vec<u32> = offered.map(|(slot, _)| *slot).collect();
            among.extend(ids(&catalogue, &offered));
        }
        let among: Vec<Content> = among.into_iter().collect();
        let affinities = self.profiles.affinities(profile, &among).await?;
        let catalogue = index.read();
        let slots = |scored: &[(Content, f32)]| by_slot(&catalogue, scored);
        let (interests, session) = (slots(&affinities.long_term), slots(&affinities.session));
        // One of the two carries the real-time part where the other has nothing to say.
        let share = |share: f32, other_is_empty: bool| {
            let share = if other_is_empty { 1.0 } else { share };
            (1.0 - blend.batch) * share
        };
        let (long_term, fresh) = (
            share(blend.long_term, session.is_empty()),
            share(1.0 - blend.long_term, interests.is_empty()),
        );
        retrieved.candidates.extend([
            Candidates::new(Source::Interests, long_term, interests),
            Candidates::new(Source::Session, fresh, session),
        ]);
        Ok(())
    }

    /// What is similar to the item that the list is about: by its embedding, by who took both, and
    /// by how well it suits the user.
    async fn by_seed(
        &self,
        context: &RequestContext<'_>,
        profile: Option<&Profile>,
        retrieved: &mut Retrieved,
    ) -> Result<()> {
        let Some(seed) = context.request.seed else {
            return Ok(());
        };
        let blend = context.blend;
        let index = self.content.catalogue().await?;
        let kinds = retrieved.kinds.clone();
        let mut near = Vec::new();
        if let Some(vector) = self.embeddings.vectors(&[seed]).await?.get(&seed) {
            let keep = |content| {
                let catalogue = index.read();
                let rules = context.rules(&kinds).within(&catalogue);
                content != seed && rules.is_eligible_content(content)
            };
            let found = self.embeddings.nearest(vector, 2 * NEAR, &keep).await?;
            near.extend(found.into_iter().map(|near| (near.content, near.cosine)));
        }
        let together = context.model.as_ref();
        let together = together.map_or_else(Vec::new, |model| model.together(seed, NEAR));
        let (near, together) = {
            let catalogue = index.read();
            let from = |source, weight, scored: &[(Content, f32)]| {
                let mut from = Candidates::new(source, weight, by_slot(&catalogue, scored));
                if let Some(seed) = catalogue.slot(seed) {
                    from.because = from.scored.iter().map(|(slot, _)| (*slot, seed)).collect();
                }
                from
            };
            let (similar, meaning) = (blend.similar, blend.meaning);
            (
                from(Source::Similar, similar * meaning, &near),
                from(Source::Together, similar * (1.0 - meaning), &together),
            )
        };
        let mut all = near.scored.clone();
        all.extend(&together.scored);
        all.sort_unstable_by_key(|(slot, _)| *slot);
        all.dedup_by_key(|(slot, _)| *slot);
        let affinities = self.affinities(&all, profile, 1.0 - blend.similar).await?;
        retrieved.candidates.extend([near, together]);
        retrieved.candidates.extend(affinities);
        Ok(())
    }

    /// What the search finds for the query and the user's taste.
    async fn by_query(&self, context: &RequestContext<'_>, most: usize) -> Result<FoundOrder> {
        let request = search::SearchRequest {
            filter: context.request.filter.clone(),
            ..search::SearchRequest::new(context.request.query.clone().unwrap_or_default())
        };
        let taste = search::Taste {
            history: context.history,
            now: context.now,
            query_weight: context.blend.query,
        };
        self.search.found(&request, taste, most).await
    }

    /// How well these items suit the user's long-term interests.
    async fn affinities(
        &self,
        items: &[(u32, f32)],
        profile: Option<&Profile>,
        weight: f32,
    ) -> Result<Option<Candidates>> {
        let Some(profile) = profile else {
            return Ok(None);
        };
        let index = self.content.catalogue().await?;
        let slots: Vec<u32> = items.iter().map(|(slot, _)| *slot).collect();
        let contents = ids(&index.read(), &slots);
        let affinities = self.profiles.affinities(profile, &contents).await?;
        let scored = by_slot(&index.read(), &affinities.long_term);
        Ok(Some(Candidates::new(Source::Interests, weight, scored)))
    }

    async fn vectors_of_heads(&self, candidates: &[Candidates]) -> Result<VectorTable> {
        let heads = candidates.iter().flat_map(|from| {
            let mut scored = from.scored.clone();
            scored.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            scored.truncate(NEAR);
            scored.into_iter().map(|(slot, _)| slot)
        });
        let heads: FxHashSet<u32> = heads.collect();
        let heads: Vec<u32> = heads.into_iter().collect();
        let heads = ids(&self.content.catalogue().await?.read(), &heads);
        self.embeddings.vectors(&heads).await
    }

    /// Finds evidence for the first items that have none yet, among what the user likes of the kinds
    /// in the list, since headphones are no reason for a film: the item whose contribution to the
    /// score of the model stands out, or the one that is nearest by its embedding.
    pub(super) async fn find_evidence(
        &self,
        retrieved: &Retrieved,
        blend: &[(Source, f32)],
        items: &mut [Item],
    ) -> Result<()> {
        let open = |item: &Item, source| item.because.is_none() && item.source(blend) == source;
        let explained = EXPLAINED.min(items.len());
        let head = &mut items[..explained];
        let evidence = self.evidence(retrieved, head).await?;
        if let Some((model, scored)) = &retrieved.scored {
            let taste = head.iter().filter(|item| open(item, Source::Collaborative));
            let taste: Vec<Content> = taste.map(|item| item.content).collect();
            let entries = model.entries(&retrieved.positives);
            let may = |past: Content| evidence.contains(&past);
            let reasons = model.reasons(&entries, scored, &taste, may)?;
            for item in head.iter_mut() {
                item.because = item.because.or(reasons.get(&item.content).copied());
            }
        }
        let by_meaning = |item: &Item| open(item, Source::Interests) || open(item, Source::Session);
        let near = head.iter().filter(|item| by_meaning(item));
        let near: Vec<Content> = near.map(|item| item.content).collect();
        if near.is_empty() || evidence.is_empty() {
            return Ok(());
        }
        let positives = retrieved.positives.iter().rev().map(|item| item.content);
        let positives = positives.filter(|content| evidence.contains(content));
        let positives: Vec<Content> = positives.take(EXPLAINED).collect();
        let both: Vec<Content> = near.iter().chain(&positives).copied().collect();
        let vectors = self.embeddings.vectors(&both).await?;
        for item in head.iter_mut().filter(|item| near.contains(&item.content)) {
            let Some(vector) = vectors.get(&item.content) else {
                continue;
            };
            let past = positives.iter().filter(|past| **past != item.content);
            let past = past.filter_map(|past| Some((*past, dot(vectors.get(past)?, vector))));
            item.because = past
                .filter(|(_, cosine)| *cosine >= MIN_EVIDENCE_COSINE)
                .max_by(|a, b| a.1.total_cmp(&b.1).then_with(|| b.0.cmp(&a.0)))
                .map(|(past, _)| past);
        }
        Ok(())
    }

    /// What the user likes of the kinds of these items.
    async fn evidence(&self, retrieved: &Retrieved, items: &[Item]) -> Result<FxHashSet<Content>> {
        let catalogue = self.content.catalogue().await?.read();
        let kind = |content: Content| Some(catalogue.entry(catalogue.slot(content)?)?.kind);
        let kinds: FxHashSet<ContentKind> =
            items.iter().filter_map(|item| kind(item.content)).collect();
        let positives = retrieved.positive_items.iter().copied();
        let of_kind = |past: &Content| kind(*past).is_some_and(|kind| kinds.contains(&kind));
        Ok(positives.filter(of_kind).collect())
    }
}

/// What the user would call a liking.
pub(super) fn positive_items(history: &History) -> FxHashSet<Content> {
    let states = history.states().iter();
    let positive_items = states.filter(|(_, state)| state.is_liking());
    positive_items.map(|(content, _)| *content).collect()
}

fn ids(catalogue: &Catalogue, slots: &[u32]) -> Vec<Content> {
    let id = |slot: &u32| catalogue.entry(*slot).map(|item| item.id);
    slots.iter().filter_map(id).collect()
}

fn by_slot(catalogue: &Catalogue, scored: &[(Content, f32)]) -> Vec<(u32, f32)> {
    let slot = |(content, score): &(Content, f32)| Some((catalogue.slot(*content)?, *score));
    scored.iter().filter_map(slot).collect()
}
