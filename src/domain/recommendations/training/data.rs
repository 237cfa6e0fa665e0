//! What a training learns from, out of the record of interactions.

use std::collections::BinaryHeap;
use std::sync::Arc;

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use super::{RunReporter, Step};
use crate::domain::recommendations::replay_evaluation::Replay;
use crate::domain::recommendations::service::RecommendationService;
use crate::domain::recommendations::store::TrainingStore;
use crate::engine::history::{Event, History, Positive, WeightTable};
use crate::engine::replay::{Split, split};
use crate::foundation::{Error, Result};
use ranking::Entry;
use ranking::matrix::{Interactions, MatrixError, Repeats};

/// The data of a training. Users and items are numbered in the order of their ids.
pub(super) struct TrainingData {
    pub(super) users: Vec<Uuid>,
    pub(super) items: Vec<Uuid>,
    /// What speaks for an item.
    pub(super) positive: Interactions,
    /// What a list leaves out: what the user has, or does not want.
    pub(super) out: Interactions,
    /// Which items may be recommended at all.
    pub(super) offered: Vec<bool>,
    /// Users whose latest likes are held out, to be judged by; in the order of their ids.
    pub(super) replays: Vec<Replay>,
}

/// At most so many users are replayed.
const REPLAYED: usize = 1_000;

/// A sample of the users who can be replayed: those with the smallest digests, so that two trainings
/// of the same record have the same.
#[derive(Default)]
struct ReplaySample(BinaryHeap<(u64, Uuid)>, FxHashMap<Uuid, Split>);

impl ReplaySample {
    fn offer(&mut self, user: Uuid, events: &[Event], weights: &Arc<WeightTable>) {
        let digest = (xxh3_64(user.as_bytes()), user);
        if self.0.len() >= REPLAYED && self.0.peek().is_some_and(|worst| digest >= *worst) {
            return;
        }
        let Some(split) = split(events, weights) else {
            return;
        };
        self.0.push(digest);
        self.1.insert(user, split);
        if self.0.len() > REPLAYED
            && let Some((_, out)) = self.0.pop()
        {
            self.1.remove(&out);
        }
    }

    fn replays(self) -> Vec<Replay> {
        let splits = self.1.into_iter();
        let mut replays: Vec<Replay> = splits.map(|(user, split)| Replay { user, split }).collect();
        replays.sort_unstable_by_key(|replay| replay.user);
        replays
    }
}

/// The state of a user and an item, by their numbers.
struct Pair {
    user: u32,
    item: u32,
    weight: f32,
    /// When the user did something to it last, in seconds since 1970.
    latest: i64,
    /// Whether the item stays out of the user's lists now.
    out: bool,
}

impl RecommendationService {
    /// Reads the record; of `among` items, which ascend, where that is given, and otherwise of all that somebody
    /// did something to.
    pub(super) async fn read(
        &self,
        store: &mut TrainingStore,
        among: Option<&[Uuid]>,
        progress: &mut RunReporter,
    ) -> Result<TrainingData> {
        let weights = self.interactions.weights().await?;
        let now = self.clock.now();
        let mut users = Numbering::default();
        let mut items = among.map_or_else(|| Ok(Numbering::default()), Numbering::fixed)?;
        let mut pairs: Vec<Pair> = Vec::new();
        let (mut read, mut on_fraction) = (0, 0);
        let mut sample = ReplaySample::default();
        store
            .histories(|user| {
                read += user.events.len();
                let Some(number) = users.of(user.user)? else {
                    return Ok(());
                };
                sample.offer(user.user, &user.events, &weights);
                let history = History::new(user.events, Arc::clone(&weights));
                for (content, state) in history.states() {
                    let Some(item) = items.of(content.uuid())? else {
                        continue;
                    };
                    pairs.push(Pair {
                        user: number,
                        item,
                        weight: state.weight,
                        latest: state.latest.timestamp(),
                        out: state.exclusion.holds(now),
                    });
                }
                if read - on_fraction >= 100_000 {
                    on_fraction = read;
                    progress.step(Step::Read, read, 0)?;
                }
                Ok(())
            })
            .await?;
        progress.step(Step::Read, read, read)?;
        // By id: the model must not depend on the order in which the rows happen to lie.
        let ((users, user_places), (items, item_places)) = (users.by_id(), items.by_id());
        pairs.par_iter_mut().for_each(|pair| {
            pair.user = user_places[pair.user as usize];
            pair.item = item_places[pair.item as usize];
        });
        let mut offered = vec![false; items.len()];
        for id in store.offered().await? {
            if let Ok(index) = items.binary_search(&id) {
                offered[index] = true;
            }
        }
        let (rows, columns) = (users.len(), items.len());
        progress.step(Step::Read, read, read)?;
        pairs.par_sort_unstable_by_key(|pair| (pair.user, pair.item));
        progress.step(Step::Read, read, read)?;
        let failed = |error: MatrixError| Error::Internal(error.into());
        let out = pairs.iter().filter(|pair| pair.out);
        let out = out.map(|pair| (pair.user, pair.item, 1.0));
        let out = Interactions::from_triplets(rows, columns, out, Repeats::Max).map_err(failed)?;
        progress.step(Step::Read, read, read)?;
        let positive = pairs.iter().filter(|pair| pair.weight > 0.0);
        let positive = positive.map(|pair| {
            let entry = Entry {
                item: pair.item,
                weight: pair.weight,
                time: Some(pair.latest),
            };
            (pair.user, entry)
        });
        let positive = Interactions::from_events(rows, columns, positive, Repeats::Max);
        let positive = positive.map_err(failed)?;
        Ok(TrainingData {
            users,
            items,
            positive,
            out,
            offered,
            replays: sample.replays(),
        })
    }
}

impl TrainingData {
    /// What speaks for an item, without what the replayed users did from their cuts on.
    pub(super) fn before(&self) -> Result<Interactions> {
        let user = |replay: &Replay| self.users.binary_search(&replay.user).ok();
        let replayed: FxHashMap<usize, &Replay> = self
            .replays
            .iter()
            .filter_map(|replay| Some((user(replay)?, replay)))
            .collect();
        let item = |content: &Positive| {
            let item = self.items.binary_search(&content.content.uuid()).ok()?;
            Some(Entry {
                item: u32::try_from(item).ok()?,
                weight: content.weight,
                time: Some(content.latest.timestamp()),
            })
        };
        let rows = 0..self.positive.rows();
        let entries = rows.flat_map(|row| {
            let entries: Vec<Entry> = match replayed.get(&row) {
                Some(replay) => {
                    let before = replay.split.before.positives();
                    before.iter().filter_map(item).collect()
                }
                None => self.positive.entries(row).collect(),
            };
            // A table has fewer than 2³² rows.
            entries.into_iter().map(move |entry| (row as u32, entry))
        });
        let (rows, columns) = (self.positive.rows(), self.positive.columns());
        Interactions::from_events(rows, columns, entries, Repeats::Max)
            .map_err(|error| Error::Internal(error.into()))
    }
}

/// Dense numbers for ids, in the order of their first appearance.
#[derive(Default)]
struct Numbering {
    indices: FxHashMap<Uuid, u32>,
    list: Vec<Uuid>,
    /// Whether no further id gets a number.
    fixed: bool,
}

impl Numbering {
    /// The numbers of these ids, and of no others.
    fn fixed(ids: &[Uuid]) -> Result<Self> {
        let mut numbering = Self::default();
        for id in ids {
            numbering.of(*id)?;
        }
        numbering.fixed = true;
        Ok(numbering)
    }

    /// The number of an id; `None` for one that has none and gets none.
    fn of(&mut self, id: Uuid) -> Result<Option<u32>> {
        if let Some(index) = self.indices.get(&id) {
            return Ok(Some(*index));
        }
        if self.fixed {
            return Ok(None);
        }
        let index = u32::try_from(self.list.len())
            .map_err(|_| anyhow::anyhow!("more than 4 billion users or items"))?;
        self.indices.insert(id, index);
        self.list.push(id);
        Ok(Some(index))
    }

    /// The ids in their order, and for each number the place of its id there.
    fn by_id(self) -> (Vec<Uuid>, Vec<u32>) {
        let mut numbers: Vec<u32> = (0..self.list.len() as u32).collect();
        numbers.par_sort_unstable_by_key(|number| self.list[*number as usize]);
        let mut indices = vec![0; numbers.len()];
        for (index, number) in (0..).zip(&numbers) {
            indices[*number as usize] = index;
        }
        let ids = numbers.iter().map(|number| self.list[*number as usize]);
        (ids.collect(), indices)
    }
}
