//! What each source offers for a list.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rustc_hash::{FxHashMap, FxHashSet};

use super::ask::Ask;
use super::draw::Candidates;
use super::live::Live;
use super::model::{Context, Item, Source};
use super::service::RecommendationService;
use crate::domain::content::ContentFilter;
use crate::domain::content::catalogue::CatalogueIndex;
use crate::domain::embeddings::Vectors;
use crate::domain::search;
use crate::engine::catalogue::Matcher;
use crate::engine::history::{History, Profile, dot};
use crate::foundation::{Id, Result, id};
use crate::platform::config::Blend;
use ranking::collaborative::Scored;

type Content = Id<id::Content>;

/// So many items at the head of a list get a reason of their own.
const EXPLAINED: usize = 100;
/// So many items near to a vector are offered, beside those that the user has already.
const NEAR: usize = 300;
/// A past item speaks for another if their cosine is at least so much.
const SPEAKS: f32 = 0.2;

/// What a list is drawn from, and which models said so.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) candidates: Vec<Candidates>,
    pub(super) model: Option<Id<id::Model>>,
    pub(super) model_at: Option<DateTime<Utc>>,
    pub(super) embedding: Option<Id<id::Model>>,
    /// Vectors of candidates, where the list is to be diverse.
    pub(super) vectors: Vectors,
    live: Option<(Arc<Live>, Scored)>,
    liked: Vec<(Content, f32)>,
    /// Of these, what the user would call a liking: an item that was only looked at is no reason.
    likings: FxHashSet<Content>,
}

/// What one list is gathered for.
pub(super) struct Errand<'a> {
    pub(super) user: Id<id::User>,
    pub(super) ask: &'a Ask,
    pub(super) past: &'a History,
    pub(super) day: chrono::NaiveDate,
}

impl RecommendationService {
    /// Asks every source of the context for its candidates. A source that knows nothing offers
    /// nothing.
    pub(super) async fn gather(&self, errand: &Errand<'_>) -> Result<Gathered> {
        let (ask, past) = (errand.ask, errand.past);
        let catalogue = self.content.catalogue().await?;
        let (live, profile, space) = tokio::try_join!(
            self.live(),
            self.profiles.profile(past),
            self.embeddings.active(),
        )?;
        let mut gathered = Gathered {
            liked: weighed(past),
            likings: likings(past),
            ..Gathered::default()
        };
        let depth = self.ground.settings.recommendations.list_length
            + past.len().min(5_000)
            + ask.exclude.len();
        let blend = self.ground.settings.blend.clone();
        let gate = Gate {
            catalogue,
            filter: Some(&ask.filter).filter(|filter| !filter.is_empty()),
            day: errand.day,
        };
        match ask.context {
            Context::Feed | Context::Category => {
                let taste = self
                    .by_taste(errand, &mut gathered, live, &gate, depth)
                    .await?;
                gathered.candidates.extend(taste.map(|taste| Candidates {
                    weight: blend.batch,
                    ..taste
                }));
                if let Some(profile) = &profile {
                    let near = self.by_profile(profile, &gate, past, &blend).await?;
                    gathered.candidates.extend(near);
                }
            }
            Context::Search => {
                let found = self.by_query(ask, depth).await?;
                let suiting = self.suiting(&found, profile.as_ref()).await?;
                gathered.candidates.push(Candidates {
                    source: Source::Query,
                    weight: blend.query,
                    scored: found,
                    because: FxHashMap::default(),
                });
                gathered
                    .candidates
                    .extend(suiting.map(|suiting| Candidates {
                        weight: 1.0 - blend.query,
                        ..suiting
                    }));
            }
            Context::Similar => {
                let like = self.by_likeness(ask, live, &gate, &blend).await?;
                let all: Vec<_> = like.iter().flat_map(|from| from.scored.clone()).collect();
                let suiting = self.suiting(&all, profile.as_ref()).await?;
                gathered.candidates.extend(like);
                gathered
                    .candidates
                    .extend(suiting.map(|suiting| Candidates {
                        weight: 1.0 - blend.similar,
                        ..suiting
                    }));
            }
        }
        let by_meaning = |from: &Candidates| {
            matches!(
                from.source,
                Source::Interests | Source::Session | Source::Similar
            ) && !from.scored.is_empty()
        };
        if gathered.candidates.iter().any(by_meaning) {
            gathered.embedding = space.map(|space| space.model.id);
        }
        if ask.diversity > 0.0 {
            let heads = gathered.candidates.iter().flat_map(|from| {
                let mut scored = from.scored.clone();
                scored.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
                scored.truncate(NEAR);
                scored.into_iter().map(|(content, _)| content)
            });
            let heads: FxHashSet<Content> = heads.collect();
            let heads: Vec<Content> = heads.into_iter().collect();
            gathered.vectors = self.embeddings.vectors(&heads).await?;
        }
        Ok(gathered)
    }

    /// What users with like taste took: by the model in memory, so that what the user did a moment
    /// ago counts. Where the catalogue is too large to score all of it, the stored batch and what was
    /// taken together with what the user likes most are scored.
    async fn by_taste(
        &self,
        errand: &Errand<'_>,
        gathered: &mut Gathered,
        live: Option<Arc<Live>>,
        gate: &Gate<'_>,
        depth: usize,
    ) -> Result<Option<Candidates>> {
        let mut candidates = Candidates {
            source: Source::Collaborative,
            weight: 0.0,
            scored: Vec::new(),
            because: FxHashMap::default(),
        };
        let most = self.ground.settings.recommendations.score_all_up_to;
        let entries = live.as_ref().map(|live| live.entries(&gathered.liked));
        let entries = entries.filter(|entries| !entries.is_empty());
        let all = live.as_ref().is_some_and(|live| live.items() <= most);
        let batch = if all {
            None
        } else {
            self.store.batch(errand.user).await?
        };
        if let (Some(live), Some(entries)) = (live, entries) {
            let stored = batch.iter().flat_map(|batch| &batch.items);
            let scored = if all {
                live.scores(&entries)?
            } else {
                live.scores_near(&entries, stored.map(|(content, ..)| *content))?
            };
            candidates.scored = live.best(&scored, depth, |content| gate.passes(content));
            gathered.model = Some(live.model);
            gathered.model_at = Some(live.trained_at);
            gathered.live = Some((live, scored));
        } else if let Some(batch) = batch {
            for (content, score, reason) in batch.items {
                candidates.scored.push((content, score));
                // The reason of then may have been taken back since.
                let reason = reason.filter(|past| gathered.likings.contains(past));
                let reason = reason.map(|reason| (content, reason));
                candidates.because.extend(reason);
            }
            gathered.model = Some(batch.model);
            gathered.model_at = Some(batch.trained_at);
        }
        Ok((!candidates.scored.is_empty()).then_some(candidates))
    }

    /// What is near to the user's interests, and to what they do just now.
    async fn by_profile(
        &self,
        profile: &Profile,
        gate: &Gate<'_>,
        past: &History,
        blend: &Blend,
    ) -> Result<Vec<Candidates>> {
        let count = NEAR + past.profiled().len();
        let keep = |content| gate.passes(content);
        let interests = profile.interests.as_slice().iter();
        let queries: Vec<&[f32]> = interests
            .map(|interest| interest.vector.as_slice())
            .chain([profile.session.as_slice()])
            .collect();
        let mut near = self.embeddings.nearest_each(&queries, count, &keep).await?;
        let session = near.pop().unwrap_or_default().into_iter();
        let session: Vec<_> = session.map(|near| (near.content, near.cosine)).collect();
        let near: FxHashSet<Content> = near.iter().flatten().map(|near| near.content).collect();
        let near: Vec<Content> = near.into_iter().collect();
        let interests = self.profiles.suit(profile, &near).await?;
        // One of the two carries the real-time part where the other has nothing to say.
        let share = |share: f32, other_is_empty: bool| {
            let share = if other_is_empty { 1.0 } else { share };
            (1.0 - blend.batch) * share
        };
        let (long_term, fresh) = (
            share(blend.long_term, session.is_empty()),
            share(1.0 - blend.long_term, interests.is_empty()),
        );
        let from = |source, weight, scored| Candidates {
            source,
            weight,
            scored,
            because: FxHashMap::default(),
        };
        Ok(vec![
            from(Source::Interests, long_term, interests),
            from(Source::Session, fresh, session),
        ])
    }

    /// What is like the item that the list is about: by meaning, and by who took both.
    async fn by_likeness(
        &self,
        ask: &Ask,
        live: Option<Arc<Live>>,
        gate: &Gate<'_>,
        blend: &Blend,
    ) -> Result<Vec<Candidates>> {
        let Some(like) = ask.like else {
            return Ok(Vec::new());
        };
        let mut near = Vec::new();
        if let Some(vector) = self.embeddings.vectors(&[like]).await?.get(&like) {
            let keep = |content| content != like && gate.passes(content);
            let found = self.embeddings.nearest(vector, 2 * NEAR, &keep).await?;
            near.extend(found.into_iter().map(|near| (near.content, near.cosine)));
        }
        let together = live.map_or_else(Vec::new, |live| live.together(like, NEAR));
        let from = |source, weight, scored: Vec<(Content, f32)>| Candidates {
            source,
            weight,
            because: scored.iter().map(|(content, _)| (*content, like)).collect(),
            scored,
        };
        Ok(vec![
            from(Source::Similar, blend.similar * blend.meaning, near),
            from(
                Source::Together,
                blend.similar * (1.0 - blend.meaning),
                together,
            ),
        ])
    }

    /// What answers the query, by words and meaning.
    async fn by_query(&self, ask: &Ask, most: usize) -> Result<Vec<(Content, f32)>> {
        let request = search::Request {
            filter: ask.filter.clone(),
            personalise: false,
            ..search::Request::new(ask.query.clone().unwrap_or_default())
        };
        self.search.ranked(&request, most).await
    }

    /// How well these items suit the user's long-term taste.
    async fn suiting(
        &self,
        items: &[(Content, f32)],
        profile: Option<&Profile>,
    ) -> Result<Option<Candidates>> {
        let Some(profile) = profile else {
            return Ok(None);
        };
        let ids: Vec<Content> = items.iter().map(|(content, _)| *content).collect();
        Ok(Some(Candidates {
            source: Source::Interests,
            weight: 0.0,
            scored: self.profiles.suit(profile, &ids).await?,
            because: FxHashMap::default(),
        }))
    }

    /// Finds reasons for the first items that have none yet: the past item that contributed most
    /// to the score of the model, or the liked one that is nearest in meaning.
    pub(super) async fn explain(
        &self,
        gathered: &Gathered,
        blend: &[(Source, f32)],
        items: &mut [Item],
    ) -> Result<()> {
        let open = |item: &Item, source| item.because.is_none() && item.source(blend) == source;
        let explained = EXPLAINED.min(items.len());
        let head = &mut items[..explained];
        if let Some((live, scored)) = &gathered.live {
            let taste = head.iter().filter(|item| open(item, Source::Collaborative));
            let taste: Vec<Content> = taste.map(|item| item.content).collect();
            let reasons = live.reasons(&gathered.liked, scored, &taste)?;
            for item in head.iter_mut() {
                let reason = reasons.get(&item.content).copied();
                let reason = reason.filter(|past| gathered.likings.contains(past));
                item.because = item.because.or(reason);
            }
        }
        let by_meaning = |item: &Item| open(item, Source::Interests) || open(item, Source::Session);
        let near = head.iter().filter(|item| by_meaning(item));
        let near: Vec<Content> = near.map(|item| item.content).collect();
        if near.is_empty() || gathered.likings.is_empty() {
            return Ok(());
        }
        let liked = gathered.liked.iter().rev().map(|(content, _)| *content);
        let liked = liked.filter(|content| gathered.likings.contains(content));
        let liked: Vec<Content> = liked.take(EXPLAINED).collect();
        let both: Vec<Content> = near.iter().chain(&liked).copied().collect();
        let vectors = self.embeddings.vectors(&both).await?;
        for item in head.iter_mut().filter(|item| near.contains(&item.content)) {
            let Some(vector) = vectors.get(&item.content) else {
                continue;
            };
            let past = liked.iter().filter(|past| **past != item.content);
            let past = past.filter_map(|past| Some((*past, dot(vectors.get(past)?, vector))));
            item.because = past
                .filter(|(_, cosine)| *cosine >= SPEAKS)
                .max_by(|a, b| a.1.total_cmp(&b.1).then_with(|| b.0.cmp(&a.0)))
                .map(|(past, _)| past);
        }
        Ok(())
    }
}

/// What a history speaks for, with how much, in the order of the items' ids.
pub(super) fn weighed(history: &History) -> Vec<(Content, f32)> {
    let positives = history.positives().into_iter();
    positives.map(|item| (item.content, item.weight)).collect()
}

/// What the user would call a liking.
pub(super) fn likings(history: &History) -> FxHashSet<Content> {
    let states = history.states().iter();
    let likings = states.filter(|(_, state)| state.is_liking());
    likings.map(|(content, _)| *content).collect()
}

/// What passes the filter of the ask, and else what may be offered. Items are looked at as they are
/// met, so that a large catalogue is not gone through for a short list.
struct Gate<'a> {
    catalogue: &'a CatalogueIndex,
    filter: Option<&'a ContentFilter>,
    day: chrono::NaiveDate,
}

impl Gate<'_> {
    fn passes(&self, content: Content) -> bool {
        let catalogue = self.catalogue.read();
        let Some(filter) = self.filter else {
            return catalogue.is_eligible(content, self.day);
        };
        let entry = catalogue.find(content);
        entry.is_some_and(|entry| Matcher::new(filter, &catalogue).matches(entry))
    }
}
