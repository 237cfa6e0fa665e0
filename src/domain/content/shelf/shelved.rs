//! The items on a shelf, by slot.

use chrono::NaiveDate;
use rustc_hash::FxHashMap;

use super::entry::{Entry, Facts, Symbols};
use crate::domain::content::model::Visibility;
use crate::foundation::{Id, id};

/// So many changes are remembered at least; who follows more slowly starts again.
const REMEMBERED: usize = 100_000;

/// All items of a schema, also those that may not be listed.
#[derive(Default)]
pub struct Shelved {
    entries: Vec<Entry>,
    slots: FxHashMap<Id<id::Content>, u32>,
    symbols: Symbols,
    /// The slots that changed, in order; the first of them is the change number `forgotten`.
    changed: Vec<u32>,
    forgotten: u64,
}

/// What changed on a shelf.
#[derive(Clone, Debug, PartialEq)]
pub enum Changes {
    /// The items in these slots, each once.
    Some(Vec<u32>),
    /// More than is remembered: take all of them.
    All,
}

impl Shelved {
    pub(crate) fn put(&mut self, facts: Facts) {
        let id = facts.id.into();
        if let Some(&slot) = self.slots.get(&id) {
            let known = &mut self.entries[slot as usize];
            // A reading overlaps the one before it.
            if known.changed_in != facts.changed_in {
                *known = Entry::new(facts, &mut self.symbols);
                self.note(slot);
            }
            return;
        }
        let Ok(slot) = u32::try_from(self.entries.len()) else {
            return; // four thousand million items do not fit into any memory
        };
        self.entries.push(Entry::new(facts, &mut self.symbols));
        self.slots.insert(id, slot);
        self.note(slot);
    }

    fn note(&mut self, slot: u32) {
        self.changed.push(slot);
        let room = REMEMBERED.max(self.entries.len()) * 2;
        if self.changed.len() > room {
            self.changed.drain(..room / 2);
            self.forgotten += (room / 2) as u64;
        }
    }

    /// How many slots there are; all slots are below it.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the catalogue is empty.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The slot of an item.
    pub fn slot(&self, id: Id<id::Content>) -> Option<u32> {
        self.slots.get(&id).copied()
    }

    /// The item in a slot.
    pub fn entry(&self, slot: u32) -> Option<&Entry> {
        self.entries.get(slot as usize)
    }

    /// The item of this id.
    pub fn find(&self, id: Id<id::Content>) -> Option<&Entry> {
        self.entry(self.slot(id)?)
    }

    /// Every slot with its item.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Entry)> {
        (0..).zip(&self.entries)
    }

    /// The texts behind the symbols of the entries.
    pub fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    /// The number of the next change; see [`Shelved::changes`].
    pub fn change(&self) -> u64 {
        self.forgotten + self.changed.len() as u64
    }

    /// What changed from the change of that number on; 0 for all that ever was.
    pub fn changes(&self, since: u64) -> Changes {
        let Some(known) = since.checked_sub(self.forgotten) else {
            return Changes::All;
        };
        let known = usize::try_from(known).unwrap_or(usize::MAX);
        let mut slots = self.changed.get(known..).unwrap_or_default().to_vec();
        slots.sort_unstable();
        slots.dedup();
        Changes::Some(slots)
    }
}

impl Entry {
    /// Whether the item may be offered to everybody on `day`: public, within its rights, not sold
    /// out.
    pub fn offered(&self, day: NaiveDate) -> bool {
        self.withheld(day).is_none()
    }

    /// Why the item may not be offered on `day`; `None` if it may.
    pub fn withheld(&self, day: NaiveDate) -> Option<Withheld> {
        if self.deleted {
            Some(Withheld::Deleted)
        } else if self.visibility != Visibility::Public {
            Some(Withheld::NotPublic)
        } else if self.rights_from.is_some_and(|from| day < from)
            || self.rights_until.is_some_and(|until| day > until)
        {
            Some(Withheld::Rights)
        } else if self.stock == Some(0) {
            Some(Withheld::SoldOut)
        } else {
            None
        }
    }
}

/// Why an item may not be offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Withheld {
    /// It was deleted.
    Deleted,
    /// It is not for everybody.
    NotPublic,
    /// Its rights have not begun or are over.
    Rights,
    /// None is left.
    SoldOut,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::content::model::ContentKind;
    use uuid::Uuid;

    fn facts(id: u128, changed_in: u64) -> Facts {
        Facts {
            id: Uuid::from_u128(id),
            kind: ContentKind::Movie,
            visibility: Visibility::Public,
            deleted: false,
            title: format!("{id} in {changed_in}"),
            genres: vec!["Drama".to_owned()],
            tags: Vec::new(),
            category_path: Vec::new(),
            people: Vec::new(),
            year: None,
            duration_minutes: None,
            language: None,
            rating_average: None,
            rating_count: None,
            popularity: 0.0,
            brand: None,
            merchant: None,
            price: None,
            currency: None,
            stock: None,
            color: None,
            rights_from: None,
            rights_until: None,
            creator: None,
            created_at: chrono::DateTime::UNIX_EPOCH,
            updated_at: chrono::DateTime::UNIX_EPOCH,
            changed_in,
        }
    }

    #[test]
    fn an_item_keeps_its_slot_and_a_row_read_twice_changes_once() {
        let mut shelf = Shelved::default();
        shelf.put(facts(7, 1));
        shelf.put(facts(8, 1));
        let seen = shelf.change();
        shelf.put(facts(7, 1));
        assert_eq!(shelf.changes(seen), Changes::Some(Vec::new()));
        shelf.put(facts(8, 2));
        assert_eq!(shelf.changes(seen), Changes::Some(vec![1]));
        assert_eq!(shelf.changes(0), Changes::Some(vec![0, 1]));
        assert_eq!(&*shelf.entry(1).unwrap().title, "8 in 2");
        assert_eq!(shelf.slot(Uuid::from_u128(7).into()), Some(0));
    }

    #[test]
    fn who_follows_too_slowly_takes_all() {
        let mut shelf = Shelved::default();
        for change in 0..=(2 * REMEMBERED as u64) {
            shelf.put(facts(1, change + 1));
        }
        assert_eq!(shelf.changes(0), Changes::All);
        let seen = shelf.change();
        shelf.put(facts(1, u64::MAX));
        assert_eq!(shelf.changes(seen), Changes::Some(vec![0]));
    }
}
