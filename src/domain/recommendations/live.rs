//! The collaborative model in the memory of a server.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, Utc};
use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::service::RecommendationService;
use crate::domain::models::{ModelKind, ModelVersion};
use crate::foundation::{Error, Id, Result, id};
use crate::platform::cache::Tag;
use crate::ranking::collaborative::Model;
use crate::ranking::top;

type Content = Id<id::Content>;

/// After how long it is asked whether another process has taken a model into service.
const LOOK_EVERY: TimeDelta = TimeDelta::seconds(1);

/// A model and the items it knows.
pub(super) struct Live {
    /// Which version.
    pub(super) model: Id<id::Model>,
    /// When it was trained.
    pub(super) trained_at: DateTime<Utc>,
    maths: Model,
    items: Vec<Content>,
    places: FxHashMap<Content, u32>,
}

/// The model as it is stored: how many items, their ids, and then the maths.
pub(super) fn to_bytes(items: &[Uuid], maths: &Model) -> Vec<u8> {
    let maths = maths.to_bytes();
    let mut bytes = Vec::with_capacity(8 + 16 * items.len() + maths.len());
    bytes.extend((items.len() as u64).to_le_bytes());
    for item in items {
        bytes.extend(item.as_bytes());
    }
    bytes.extend(maths);
    bytes
}

impl Live {
    fn from_bytes(version: &ModelVersion, bytes: &[u8]) -> Result<Self> {
        let damaged =
            |what: &str| Error::Internal(anyhow::anyhow!("the model {}: {what}", version.version));
        let (count, rest) = bytes
            .split_first_chunk::<8>()
            .ok_or_else(|| damaged("it has no head"))?;
        let length = usize::try_from(u64::from_le_bytes(*count))
            .ok()
            .and_then(|count| count.checked_mul(16))
            .ok_or_else(|| damaged("it has no number of items"))?;
        let (ids, maths) = rest
            .split_at_checked(length)
            .ok_or_else(|| damaged("items are missing"))?;
        let maths = Model::from_bytes(maths).map_err(|error| damaged(&error.to_string()))?;
        let items: Vec<Content> = ids
            .as_chunks::<16>()
            .0
            .iter()
            .map(|id| Uuid::from_bytes(*id).into())
            .collect();
        if items.len() != maths.items() {
            return Err(damaged("the maths is of other items"));
        }
        Ok(Self {
            model: version.id,
            trained_at: version.created_at,
            places: items.iter().copied().zip(0..).collect(),
            items,
            maths,
        })
    }

    /// How many items it knows.
    pub(super) fn items(&self) -> usize {
        self.items.len()
    }

    /// What the model knows of these liked items, by its own numbers.
    pub(super) fn entries(&self, liked: &[(Content, f32)]) -> Vec<(u32, f32)> {
        let known = liked.iter();
        known
            .filter_map(|(content, weight)| Some((*self.places.get(content)?, *weight)))
            .collect()
    }

    /// The best `keep` items that pass, for somebody with these entries, best first, with scores in
    /// [0, 1].
    pub(super) fn best(
        &self,
        entries: &[(u32, f32)],
        keep: usize,
        passes: impl Fn(Content) -> bool,
    ) -> Result<Vec<(Content, f32)>> {
        let mut scores = Vec::new();
        self.maths.scores(entries, &mut scores).map_err(internal)?;
        let scored = (0_u32..).zip(scores);
        let passes = |item: u32| passes(self.items[item as usize]);
        let best = top::best_passing(scored, keep, passes).into_iter();
        Ok(best
            .map(|(item, score)| (self.items[item as usize], score))
            .collect())
    }

    /// The items that were taken most together with one, best first.
    pub(super) fn together(&self, content: Content, keep: usize) -> Vec<(Content, f32)> {
        let Some(item) = self.places.get(&content) else {
            return Vec::new();
        };
        let neighbours = self.maths.neighbours(*item, keep).into_iter();
        neighbours
            .map(|(item, weight)| (self.items[item as usize], weight))
            .collect()
    }

    /// For each of these items the liked one that speaks most for it, where one does.
    pub(super) fn reasons(
        &self,
        liked: &[(Content, f32)],
        items: &[Content],
    ) -> Result<HashMap<Content, Content>> {
        let entries = self.entries(liked);
        let known: Vec<u32> = items
            .iter()
            .filter_map(|content| self.places.get(content).copied())
            .collect();
        if known.is_empty() || entries.is_empty() {
            return Ok(HashMap::new());
        }
        let reasons = self.maths.explain(&entries, &known).map_err(internal)?;
        let speaking = reasons.iter().filter(|reason| reason.contribution > 0.0);
        let content = |item: u32| self.items[item as usize];
        Ok(speaking
            .map(|reason| (content(reason.item), content(reason.because)))
            .collect())
    }
}

fn internal(error: crate::ranking::collaborative::CollaborativeError) -> Error {
    Error::Internal(error.into())
}

/// When it was looked, and what there was.
type Kept = (DateTime<Utc>, Option<Arc<Live>>);

/// The model that is served, as this process knows it.
#[derive(Default)]
pub(super) struct Follower {
    kept: RwLock<Option<Kept>>,
    looking: Arc<tokio::sync::Mutex<()>>,
}

impl Follower {
    fn kept(&self) -> Option<Kept> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.clone()
    }
}

impl RecommendationService {
    /// The collaborative model that is served; `None` before the first training. Every second
    /// somebody who asks makes the process look for a newer one, which is read behind the scenes
    /// and then takes the place of the old one whole.
    pub(super) async fn live(&self) -> Result<Option<Arc<Live>>> {
        if let Some((looked_at, live)) = self.follower.kept() {
            if self.clock.now() - looked_at >= LOOK_EVERY
                && let Ok(turn) = Arc::clone(&self.follower.looking).try_lock_owned()
            {
                let service = self.clone();
                tokio::spawn(async move {
                    if let Err(error) = service.look().await {
                        tracing::warn!(?error, "Whether there is a newer model is not known");
                    }
                    drop(turn);
                });
            }
            return Ok(live);
        }
        let _turn = self.follower.looking.lock().await;
        match self.follower.kept() {
            Some((_, live)) => Ok(live),
            None => self.look().await,
        }
    }

    /// Looks at once whether there is a newer model; the next list is drawn with it.
    pub(super) async fn refresh_live(&self) -> Result<()> {
        let _turn = self.follower.looking.lock().await;
        self.look().await.map(|_| ())
    }

    async fn look(&self) -> Result<Option<Arc<Live>>> {
        let now = self.clock.now();
        let version = self.models.active(ModelKind::Collaborative).await?;
        let before = self.follower.kept().and_then(|(_, live)| live);
        let known = before.as_ref().map(|live| live.model);
        let live = match (version, before) {
            (None, _) => None,
            (Some(version), Some(live)) if live.model == version.id => Some(live),
            (Some(version), _) => match self.models.artifact(version.id).await? {
                None => None, // of a release that kept none: it comes back with the next training
                Some(bytes) => {
                    let read = move || Live::from_bytes(&version, &bytes);
                    let live = tokio::task::spawn_blocking(read)
                        .await
                        .map_err(|panicked| Error::Internal(panicked.into()))??;
                    Some(Arc::new(live))
                }
            },
        };
        let kept = self.follower.kept.write();
        *kept.unwrap_or_else(PoisonError::into_inner) = Some((now, live.clone()));
        if live.as_ref().map(|live| live.model) != known {
            // Another process may have taken it into service.
            let kind = ModelKind::Collaborative.as_str();
            self.ground.cache.changed(&[Tag::Model(kind)]);
        }
        Ok(live)
    }
}
