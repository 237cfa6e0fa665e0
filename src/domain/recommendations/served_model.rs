//! The collaborative model in the memory of a server.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::service::RecommendationService;
use super::training::ItemFactors;
use crate::domain::auth::Viewer;
use crate::domain::content::CatalogueIndex;
use crate::domain::models::handle::LoadedModel;
use crate::domain::models::{ModelKind, ModelService, ModelVersion};
use crate::engine::candidates::Candidates;
use crate::engine::catalogue::Catalogue;
use crate::engine::history::Positive;
use crate::engine::source::Source;
use crate::foundation::{Error, Id, Refusal, Result, id};
use ranking::collaborative::{MOST_NEIGHBOURS, Model, Part, Scored};
use ranking::{Entry, top};

type Content = Id<id::Content>;

/// A model and the items it knows.
pub(super) struct ServedModel {
    /// Which version.
    pub(super) model: Id<id::Model>,
    /// When it was trained.
    pub(super) trained_at: DateTime<Utc>,
    collaborative: Model,
    items: Vec<Content>,
    indices: FxHashMap<Content, u32>,
    /// The slot of each item in the catalogue, which it keeps, once the whole catalogue is there.
    slots: OnceLock<Vec<u32>>,
}

/// The slot of an item that was not on the catalogue.
pub(super) const UNKNOWN: u32 = u32::MAX;

/// The neighbours of so many of somebody's items are scored where all items are too many.
const HEAVIEST: usize = 100;

/// The model as it is stored: the number of items, their ids, then the collaborative model.
pub(super) fn to_bytes(items: &[Uuid], collaborative: &Model) -> Vec<u8> {
    let collaborative = collaborative.to_bytes();
    let mut bytes = Vec::with_capacity(8 + 16 * items.len() + collaborative.len());
    bytes.extend((items.len() as u64).to_le_bytes());
    for item in items {
        bytes.extend(item.as_bytes());
    }
    bytes.extend(collaborative);
    bytes
}

impl ServedModel {
    /// A model that was trained in this process and serves nobody: for replays.
    pub(super) fn unserved(
        items: &[Uuid],
        collaborative: Model,
        trained_at: DateTime<Utc>,
    ) -> Self {
        let items: Vec<Content> = items.iter().map(|id| (*id).into()).collect();
        Self {
            model: Uuid::nil().into(),
            trained_at,
            indices: items.iter().copied().zip(0..).collect(),
            items,
            collaborative,
            slots: OnceLock::new(),
        }
    }

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
        let (ids, collaborative) = rest
            .split_at_checked(length)
            .ok_or_else(|| damaged("items are missing"))?;
        let collaborative =
            Model::from_bytes(collaborative).map_err(|error| damaged(&error.to_string()))?;
        let items: Vec<Content> = ids
            .as_chunks::<16>()
            .0
            .iter()
            .map(|id| Uuid::from_bytes(*id).into())
            .collect();
        if items.len() != collaborative.items() {
            return Err(damaged("the collaborative is of other items"));
        }
        Ok(Self {
            model: version.id,
            trained_at: version.created_at,
            indices: items.iter().copied().zip(0..).collect(),
            items,
            collaborative,
            slots: OnceLock::new(),
        })
    }

    /// The slot of each item, [`UNKNOWN`] for those that were not there; empty while the catalogue is read.
    pub(super) fn slots(&self, index: &CatalogueIndex, catalogue: &Catalogue) -> &[u32] {
        if let Some(slots) = self.slots.get() {
            return slots;
        }
        if !index.is_complete() {
            return &[];
        }
        self.slots.get_or_init(|| {
            let slot = |content: &Content| catalogue.slot(*content).unwrap_or(UNKNOWN);
            self.items.iter().map(slot).collect()
        })
    }

    /// The vectors of its items, where a part of it has such.
    pub(super) fn item_factors(&self) -> Option<ItemFactors> {
        let vectors = self.collaborative.item_factors()?;
        let items = self.items.iter().map(|item| item.uuid()).collect();
        Some(ItemFactors { items, vectors })
    }

    /// The items it knows.
    pub(super) fn contents(&self) -> &[Content] {
        &self.items
    }

    /// How many items it knows.
    pub(super) fn items(&self) -> usize {
        self.items.len()
    }

    /// What the model knows of these liked items, by its own numbers.
    pub(super) fn entries(&self, positives: &[Positive]) -> Vec<Entry> {
        let known = positives.iter();
        known
            .filter_map(|positives| {
                Some(Entry {
                    item: *self.indices.get(&positives.content)?,
                    weight: positives.weight,
                    time: Some(positives.latest.timestamp()),
                })
            })
            .collect()
    }

    /// What the model says of all items for somebody with these entries.
    pub(super) fn scores(&self, entries: &[Entry]) -> Result<Scored> {
        self.collaborative.scores(entries).map_err(internal)
    }

    /// The same of some items, where there are too many to score all for a request: what was taken
    /// together with the entries that weigh most, and the items of `also`.
    pub(super) fn scores_near(
        &self,
        entries: &[Entry],
        also: impl Iterator<Item = Content>,
    ) -> Result<Scored> {
        let mut among: Vec<u32> = also
            .filter_map(|content| self.indices.get(&content).copied())
            .collect();
        let weights = entries.iter().map(|entry| (entry.item, entry.weight));
        for (item, _) in top::best_of(weights, HEAVIEST) {
            let near = self.collaborative.neighbours(item, MOST_NEIGHBOURS);
            among.extend(near.into_iter().map(|(near, _)| near));
        }
        self.collaborative
            .scores_among(entries, &among)
            .map_err(internal)
    }

    /// The best `keep` items that pass, by the model's own numbers, best first, with scores in [0, 1].
    pub(super) fn best(
        &self,
        scored: &Scored,
        keep: usize,
        passes: impl Fn(u32) -> bool,
    ) -> Vec<(Content, f32)> {
        let scores = (0_u32..).zip(scored.scores.iter().copied());
        let best = top::best_passing(scores, keep, passes).into_iter();
        best.map(|(item, score)| (self.items[item as usize], score))
            .collect()
    }

    /// What each part of the model says of these items, as signals of the blend that have `weight`
    /// in all.
    pub(super) fn signals(
        &self,
        scored: &Scored,
        best: &[(Content, f32)],
        weight: f32,
        catalogue: &Catalogue,
    ) -> Vec<Candidates> {
        let known = best.iter().filter_map(|(content, _)| {
            Some((*self.indices.get(content)?, catalogue.slot(*content)?))
        });
        let (items, slots): (Vec<u32>, Vec<u32>) = known.unzip();
        let parts = scored.parts_among(&items);
        let whole: f32 = self
            .collaborative
            .recipe()
            .parts
            .iter()
            .map(|part| part.weight)
            .sum();
        let recipe = self.collaborative.recipe().parts.iter();
        let signal = |((part, recipe), own): ((u8, &Part), Option<Vec<f32>>)| {
            let scored = slots.iter().copied().zip(own?).collect();
            let weight = weight * recipe.weight / whole;
            Some(Candidates {
                part,
                ..Candidates::new(Source::Collaborative, weight, scored)
            })
        };
        (0..).zip(recipe).zip(parts).filter_map(signal).collect()
    }

    /// The items that were taken most together with one, best first.
    pub(super) fn together(&self, content: Content, keep: usize) -> Vec<(Content, f32)> {
        let Some(item) = self.indices.get(&content) else {
            return Vec::new();
        };
        let neighbours = self.collaborative.neighbours(*item, keep).into_iter();
        neighbours
            .map(|(item, weight)| (self.items[item as usize], weight))
            .collect()
    }

    /// For each of these items the past one whose contribution stands out, of those that `may` be
    /// named, where one contributes; `scored` is what [`ServedModel::scores`] gives for the same
    /// entries.
    pub(super) fn reasons(
        &self,
        entries: &[Entry],
        scored: &Scored,
        items: &[Content],
        may: impl Fn(Content) -> bool,
    ) -> Result<HashMap<Content, Content>> {
        let known: Vec<u32> = items
            .iter()
            .filter_map(|content| self.indices.get(content).copied())
            .collect();
        if known.is_empty() || entries.is_empty() {
            return Ok(HashMap::new());
        }
        let content = |item: u32| self.items[item as usize];
        let reasons = self
            .collaborative
            .explain(entries, scored, &known, |item| may(content(item)));
        let reasons = reasons.map_err(internal)?;
        let speaking = reasons.iter().filter(|reason| reason.contribution > 0.0);
        Ok(speaking
            .map(|reason| (content(reason.item), content(reason.because)))
            .collect())
    }
}

fn internal(error: ranking::collaborative::CollaborativeError) -> Error {
    Error::Internal(error.into())
}

impl RecommendationService {
    /// The collaborative model that is served, in memory; see [`ModelHandle::get`].
    ///
    /// [`ModelHandle::get`]: crate::domain::models::ModelHandle::get
    pub(super) async fn served_model(&self) -> Result<Option<Arc<ServedModel>>> {
        let models = self.models.clone();
        self.served.get(|before| load(models, before)).await
    }

    /// Loads the collaborative model at the start of a server.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub async fn preload_model(&self) -> Result<()> {
        let models = self.models.clone();
        let loaded = self.served.preload(|before| load(models, before)).await;
        loaded.map(|_| ())
    }

    /// The vectors of the items of a version of the collaborative model, of the active one if it is `None`. There are
    /// none of users: these are folded in when they ask. For admins.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for others; [`Refusal::NotFound`] for an unknown version, and where none is active;
    /// [`Refusal::Conflict`] for a version without such vectors; when it cannot be read.
    pub async fn item_factors(
        &self,
        viewer: &Viewer,
        version: Option<Id<id::Model>>,
    ) -> Result<ItemFactors> {
        viewer.admin()?;
        let version = match version {
            None => self.models.active(ModelKind::Collaborative).await?,
            Some(id) => self.models.find_many(viewer, &[id]).await?.remove(&id),
        };
        let version = version.filter(|version| version.kind == ModelKind::Collaborative);
        let version = version.ok_or(Refusal::NotFound {
            thing: "version of the collaborative model",
        })?;
        let bytes = self.models.artifact(version.id).await?;
        let conflict = |what: &str| Refusal::Conflict {
            message: format!("the version {} {what}", version.version),
        };
        let bytes = bytes.ok_or_else(|| conflict("is not kept"))?;
        let read = ServedModel::from_bytes(&version, &bytes)?;
        let without =
            || conflict("has no vectors of items: it is made of neighbours, not of factors");
        Ok(read.item_factors().ok_or_else(without)?)
    }

    /// Looks at once whether there is a newer model; the next list is drawn with it.
    pub(super) async fn refresh_served_model(&self) -> Result<()> {
        let models = self.models.clone();
        let served = self.served.refresh(|before| load(models, before)).await;
        served.map(|_| ())
    }
}

async fn load(
    models: ModelService,
    before: Option<LoadedModel<ServedModel>>,
) -> Result<Option<Arc<ServedModel>>> {
    let Some(version) = models.active(ModelKind::Collaborative).await? else {
        return Ok(None);
    };
    let before = before.and_then(|latest| latest.model);
    if let Some(served) = before.filter(|served| served.model == version.id) {
        return Ok(Some(served));
    }
    let Some(bytes) = models.artifact(version.id).await? else {
        return Ok(None); // of a release that kept none: it comes back with the next training
    };
    let read = move || ServedModel::from_bytes(&version, &bytes);
    let served = tokio::task::spawn_blocking(read)
        .await
        .map_err(|panicked| Error::Internal(panicked.into()))??;
    Ok(Some(Arc::new(served)))
}
