//! What a training learns from, out of the record of interactions.

use std::ops::ControlFlow;

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::{Progress, Step, step};
use crate::domain::interactions::MOST_WEIGHT;
use crate::domain::recommendations::service::RecommendationService;
use crate::domain::recommendations::store::TrainingStore;
use crate::foundation::{Error, Result};
use ranking::matrix::{Interactions, Repeats};

/// What the model learns from. Users and items are numbered in the order of their ids.
pub(super) struct Data {
    pub(super) users: Vec<Uuid>,
    pub(super) items: Vec<Uuid>,
    /// What speaks for an item.
    pub(super) positive: Interactions,
    /// What a list leaves out: everything the user has met.
    pub(super) met: Interactions,
    /// Which items may be recommended at all.
    pub(super) offered: Vec<bool>,
}

impl RecommendationService {
    pub(super) async fn read(
        &self,
        store: &mut TrainingStore,
        observe: &mut (dyn FnMut(Progress) -> ControlFlow<()> + Send),
    ) -> Result<Data> {
        let weights = self.interactions.weights().await?;
        let (mut users, mut items) = (Numbers::default(), Numbers::default());
        let mut taken: Vec<(u32, u32, f32)> = Vec::new();
        store
            .interactions(|row| {
                let weight = weights.weight(row.kind, row.value);
                taken.push((users.of(row.user)?, items.of(row.item)?, weight));
                if taken.len().is_multiple_of(100_000) {
                    step(observe, Step::Read, taken.len(), 0)?;
                }
                Ok(())
            })
            .await?;
        let read = taken.len();
        step(observe, Step::Read, read, read)?;
        // By id: the model must not depend on the order in which the rows happen to lie.
        let ((users, user_places), (items, item_places)) = (users.by_id(), items.by_id());
        taken.par_iter_mut().for_each(|(user, item, _)| {
            *user = user_places[*user as usize];
            *item = item_places[*item as usize];
        });
        let mut offered = vec![false; items.len()];
        for id in store.is_eligible().await? {
            if let Ok(place) = items.binary_search(&id) {
                offered[place] = true;
            }
        }
        let (rows, columns) = (users.len(), items.len());
        step(observe, Step::Read, read, read)?;
        // Net of what speaks against: the rows of one pair follow each other once sorted.
        taken.par_sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)));
        let pairs: Vec<(u32, u32, f32)> = taken
            .chunk_by(|a, b| (a.0, a.1) == (b.0, b.1))
            .map(|same| {
                let net: f32 = same.iter().map(|(_, _, weight)| weight).sum();
                (same[0].0, same[0].1, net.min(MOST_WEIGHT))
            })
            .collect();
        drop(taken);
        step(observe, Step::Read, read, read)?;
        let table = |triplets: Vec<(u32, u32, f32)>| {
            Interactions::from_triplets(rows, columns, triplets.iter().copied(), Repeats::Max)
                .map_err(|error| Error::Internal(error.into()))
        };
        let met = table(
            pairs
                .iter()
                .map(|(user, item, _)| (*user, *item, 1.0))
                .collect(),
        )?;
        step(observe, Step::Read, read, read)?;
        let positive = table(pairs.into_iter().filter(|(_, _, net)| *net > 0.0).collect())?;
        Ok(Data {
            users,
            items,
            positive,
            met,
            offered,
        })
    }
}

/// Dense numbers for ids, in the order of their first appearance.
#[derive(Default)]
struct Numbers {
    places: FxHashMap<Uuid, u32>,
    list: Vec<Uuid>,
}

impl Numbers {
    fn of(&mut self, id: Uuid) -> Result<u32> {
        if let Some(place) = self.places.get(&id) {
            return Ok(*place);
        }
        let place = u32::try_from(self.list.len())
            .map_err(|_| anyhow::anyhow!("more than 4 billion users or items"))?;
        self.places.insert(id, place);
        self.list.push(id);
        Ok(place)
    }

    /// The ids in their order, and for each number the place of its id there.
    fn by_id(self) -> (Vec<Uuid>, Vec<u32>) {
        let mut numbers: Vec<u32> = (0..self.list.len() as u32).collect();
        numbers.par_sort_unstable_by_key(|number| self.list[*number as usize]);
        let mut places = vec![0; numbers.len()];
        for (place, number) in (0..).zip(&numbers) {
            places[*number as usize] = place;
        }
        let ids = numbers.iter().map(|number| self.list[*number as usize]);
        (ids.collect(), places)
    }
}
