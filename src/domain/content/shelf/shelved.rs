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
    /// When each may be offered: what is asked of thousands of items for one list, side by side.
    doors: Vec<Door>,
    slots: FxHashMap<Id<id::Content>, u32>,
    symbols: Symbols,
    /// The slots that changed, in order; the first of them is the change number `forgotten`.
    changed: Vec<u32>,
    forgotten: u64,
}

/// The days on which an item may be offered, from the first to the last; none where the first is
/// behind the last.
#[derive(Clone, Copy)]
struct Door {
    from: NaiveDate,
    until: NaiveDate,
}

impl Door {
    fn of(entry: &Entry) -> Self {
        let (from, until) = (entry.rights_from, entry.rights_until);
        let from = from.unwrap_or(NaiveDate::MIN);
        let until = until.unwrap_or(NaiveDate::MAX);
        // On the first day of its rights, only what has no rights is withheld for another reason.
        if from <= until && entry.offered(from) {
            return Self { from, until };
        }
        Self {
            from: NaiveDate::MAX,
            until: NaiveDate::MIN,
        }
    }

    fn open(self, day: NaiveDate) -> bool {
        self.from <= day && day <= self.until
    }
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
                self.doors[slot as usize] = Door::of(known);
                self.note(slot);
            }
            return;
        }
        let Ok(slot) = u32::try_from(self.entries.len()) else {
            return; // four thousand million items do not fit into any memory
        };
        let entry = Entry::new(facts, &mut self.symbols);
        self.doors.push(Door::of(&entry));
        self.entries.push(entry);
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

    /// Whether the item of this id is there and may be offered to everybody on `day`; the same as
    /// [`Entry::offered`], and quicker for many.
    pub fn offers(&self, id: Id<id::Content>, day: NaiveDate) -> bool {
        let door = self.slot(id).and_then(|slot| self.doors.get(slot as usize));
        door.is_some_and(|door| door.open(day))
    }

    /// Why the item in a slot may not be offered on `day`; the same as [`Entry::withheld`], and
    /// quicker for many, most of which may. `None` also for a slot that there is not.
    pub fn withheld(&self, slot: u32, day: NaiveDate) -> Option<Withheld> {
        let door = self.doors.get(slot as usize)?;
        (!door.open(day)).then(|| self.entry(slot)?.withheld(day))?
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

    #[test]
    fn a_shelf_offers_an_item_on_the_days_on_which_the_item_may_be_offered() {
        let day = |day| NaiveDate::from_ymd_opt(2026, 3, day);
        let item = |change: &dyn Fn(&mut Facts)| {
            let mut facts = facts(1, 1);
            change(&mut facts);
            facts
        };
        let items = [
            item(&|_| {}),
            item(&|facts| facts.deleted = true),
            item(&|facts| facts.visibility = Visibility::Private),
            item(&|facts| facts.stock = Some(0)),
            item(&|facts| facts.stock = Some(1)),
            item(&|facts| facts.rights_from = day(3)),
            item(&|facts| facts.rights_until = day(3)),
            item(&|facts| (facts.rights_from, facts.rights_until) = (day(2), day(4))),
            item(&|facts| (facts.rights_from, facts.rights_until) = (day(4), day(2))),
            item(&|facts| (facts.rights_from, facts.stock) = (day(3), Some(0))),
        ];
        let id = Uuid::from_u128(1).into();
        let mut shelf = Shelved::default();
        for (change, facts) in (2..).zip(items) {
            let told = format!("{facts:?}");
            shelf.put(Facts {
                changed_in: change,
                ..facts
            });
            let entry = shelf.find(id).unwrap();
            for day in (1..=5).filter_map(day) {
                assert_eq!(shelf.offers(id, day), entry.offered(day), "{day}: {told}");
                assert_eq!(shelf.withheld(0, day), entry.withheld(day), "{day}: {told}");
            }
        }
        assert!(!shelf.offers(Uuid::from_u128(2).into(), NaiveDate::MIN));
    }
}
