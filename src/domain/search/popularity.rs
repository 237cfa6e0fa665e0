//! How popular the items of a catalogue are, for the order of what is found.
//!
//! An item has the popularity that its source gave, else the number of its ratings there, else what the users of
//! this server took. These have nothing in common but their order: each is put on the scale of ranks,
//! `1 − ln(rank) / ln(1 + n)`, `n` at least 1,000. It is computed when the index changes, and not when somebody
//! searches.

use std::cmp::Ordering;

use rustc_hash::FxHashMap;

use crate::engine::catalogue::Catalogue;
use crate::engine::score::Ties;
use crate::foundation::{Id, id};
use ranking::blend::calibrate;

/// What users took: a positive number for each item, comparable among themselves.
pub(super) type TakenByUsers = FxHashMap<Id<id::Content>, f64>;

/// The popularity of each item.
#[derive(Clone, Debug, Default)]
pub(super) struct PopularityTable {
    /// By the slots of the catalogue, in [0, 1]; slots that came later are not in it.
    values: Vec<f32>,
}

impl PopularityTable {
    pub fn new(catalogue: &Catalogue, taken: &TakenByUsers) -> Self {
        let mut values = vec![0.0; catalogue.len()];
        // The figures of each kind, with their slots.
        let mut figures: [(Vec<u32>, Vec<f32>); 3] = Default::default();
        for (slot, entry) in catalogue.iter().filter(|(_, entry)| !entry.deleted) {
            let ratings = entry.rating_count.filter(|count| *count > 0);
            let (kind, figure) = if entry.popularity > 0.0 {
                (0, entry.popularity as f32)
            } else if let Some(ratings) = ratings {
                (1, ratings as f32)
            } else if let Some(taken) = taken.get(&entry.id).filter(|taken| **taken > 0.0) {
                (2, *taken as f32)
            } else {
                continue;
            };
            figures[kind].0.push(slot);
            figures[kind].1.push(figure);
        }
        for (slots, figures) in figures {
            for (slot, value) in slots.into_iter().zip(calibrate(&figures)) {
                values[slot as usize] = value;
            }
        }
        Self { values }
    }

    /// How popular the item in a slot is, in [0, 1]; 0 where nothing is known.
    pub fn of(&self, slot: u32) -> f32 {
        self.values.get(slot as usize).copied().unwrap_or_default()
    }

    /// The more popular first, of equals by their own figures, then by id.
    pub fn order(&self, catalogue: &Catalogue, a: u32, b: u32) -> Ordering {
        let popular = self.of(b).total_cmp(&self.of(a));
        popular.then_with(|| Ties::Popularity.order(catalogue, a, b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::catalogue::ItemRow;
    use uuid::Uuid;

    #[test]
    fn an_item_has_its_own_figures_or_else_those_of_the_users() {
        let mut catalogue = Catalogue::default();
        let row = |id: u128| ItemRow::new(Uuid::from_u128(id), format!("Item {id}"));
        catalogue.put(ItemRow {
            popularity: 9.0,
            rating_count: Some(1),
            ..row(1)
        });
        catalogue.put(ItemRow {
            popularity: 4.0,
            ..row(2)
        });
        catalogue.put(ItemRow {
            rating_count: Some(100),
            ..row(3)
        });
        catalogue.put(row(4));
        catalogue.put(row(5));
        catalogue.put(row(6));
        catalogue.put(ItemRow {
            deleted: true,
            popularity: 99.0,
            ..row(7)
        });
        let taken = [(1, 500.0), (4, 3.0), (5, 8.0)];
        let taken = taken.map(|(id, taken)| (Uuid::from_u128(id).into(), taken));
        let table = PopularityTable::new(&catalogue, &taken.into_iter().collect());
        let second = 1.0 - 2_f32.ln() / 1_001_f32.ln();
        let expected = [1.0, second, 1.0, second, 1.0, 0.0, 0.0, 0.0];
        for (slot, expected) in (0..).zip(expected) {
            assert!((table.of(slot) - expected).abs() < 1e-6, "{slot}");
        }
        assert_eq!(table.order(&catalogue, 4, 3), Ordering::Less);
    }
}
