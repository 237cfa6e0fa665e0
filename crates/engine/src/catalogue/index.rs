//! The items on a catalogue, by slot.

use chrono::NaiveDate;
use rustc_hash::FxHashMap;

use super::item::{IndexedItem, ItemRow, StringInterner};
use super::{ContentKind, Visibility};
use foundation::{Id, id};

/// So many changes are remembered at least; who follows more slowly starts again.
const MAX_REMEMBERED_CHANGES: usize = 100_000;

/// All items of a schema, also those that may not be listed.
#[derive(Default)]
pub struct Catalogue {
    entries: Vec<IndexedItem>,
    /// When each may be offered: what is asked of thousands of items for one list, side by side.
    availability: Vec<Availability>,
    /// The kind of each, likewise.
    kinds: Vec<ContentKind>,
    slots: FxHashMap<Id<id::Content>, u32>,
    strings: StringInterner,
    /// The slots that changed, in order; the first of them is the change number `forgotten`.
    changed: Vec<u32>,
    forgotten: u64,
    version: u64,
}

/// The days on which an item may be offered, from the first to the last; none where the first is
/// behind the last.
#[derive(Clone, Copy)]
struct Availability {
    from: NaiveDate,
    until: NaiveDate,
}

impl Availability {
    fn of(entry: &IndexedItem) -> Self {
        let (from, until) = (entry.rights_from, entry.rights_until);
        let from = from.unwrap_or(NaiveDate::MIN);
        let until = until.unwrap_or(NaiveDate::MAX);
        // On the first day of its rights, only what has no rights is ineligible for another reason.
        if from <= until && entry.is_eligible(from) {
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

/// What changed on a catalogue.
#[derive(Clone, Debug, PartialEq)]
pub enum Changes {
    /// The items in these slots, each once.
    Some(Vec<u32>),
    /// More than is remembered: take all of them.
    All,
}

impl Catalogue {
    /// Adds an item, or replaces the one of the same id; an item of the same transaction as the one that is there
    /// leaves it as it is.
    pub fn put(&mut self, row: ItemRow) {
        let id = row.id.into();
        self.version = self.version.max(row.changed_in);
        if let Some(&slot) = self.slots.get(&id) {
            let known = &mut self.entries[slot as usize];
            // A reading overlaps the one before it.
            if known.changed_in != row.changed_in {
                *known = IndexedItem::new(row, &mut self.strings);
                self.availability[slot as usize] = Availability::of(known);
                self.kinds[slot as usize] = known.kind;
                self.record_change(slot);
            }
            return;
        }
        let Ok(slot) = u32::try_from(self.entries.len()) else {
            return; // four thousand million items do not fit into any memory
        };
        let entry = IndexedItem::new(row, &mut self.strings);
        self.availability.push(Availability::of(&entry));
        self.kinds.push(entry.kind);
        self.entries.push(entry);
        self.slots.insert(id, slot);
        self.record_change(slot);
    }

    fn record_change(&mut self, slot: u32) {
        self.changed.push(slot);
        let availability = MAX_REMEMBERED_CHANGES.max(self.entries.len()) * 2;
        if self.changed.len() > availability {
            self.changed.drain(..availability / 2);
            self.forgotten += (availability / 2) as u64;
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
    pub fn entry(&self, slot: u32) -> Option<&IndexedItem> {
        self.entries.get(slot as usize)
    }

    /// The item of this id.
    pub fn find(&self, id: Id<id::Content>) -> Option<&IndexedItem> {
        self.entry(self.slot(id)?)
    }

    /// Whether the item of this id is there and may be offered to everybody on `day`; the same as
    /// [`IndexedItem::offered`], and quicker for many.
    #[cfg(test)]
    fn is_eligible(&self, id: Id<id::Content>, day: NaiveDate) -> bool {
        let days = self
            .slot(id)
            .and_then(|slot| self.availability.get(slot as usize));
        days.is_some_and(|days| days.open(day))
    }

    /// Why the item in a slot may not be offered on `day`; the same as [`IndexedItem::ineligible`], and
    /// quicker for many, most of which may. `None` also for a slot that there is not.
    pub(crate) fn unavailable(&self, slot: u32, day: NaiveDate) -> Option<Unavailable> {
        let days = self.availability.get(slot as usize)?;
        (!days.open(day)).then(|| self.entry(slot)?.unavailable(day))?
    }

    /// The kind of the item in a slot; quicker for many than to look at each item.
    pub(crate) fn kind(&self, slot: u32) -> Option<ContentKind> {
        self.kinds.get(slot as usize).copied()
    }

    /// Every slot with its item.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &IndexedItem)> {
        (0..).zip(&self.entries)
    }

    /// The texts behind the strings of the entries.
    pub fn strings(&self) -> &StringInterner {
        &self.strings
    }

    /// The newest transaction that wrote to an item that is here. It grows with each write, and means
    /// the same in every process.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The number of the next change; see [`Catalogue::changes`].
    pub fn change(&self) -> u64 {
        self.forgotten + self.changed.len() as u64
    }

    /// What changed from the change of that number on; 0 for all that ever was.
    pub fn changes(&self, since: u64) -> Changes {
        self.changes_within(since, usize::MAX).0
    }

    /// The first `most` changes from the change of that number on, and the number of the change
    /// behind them: from there the next call goes on. [`Changes::All`] leaves none behind.
    pub fn changes_within(&self, since: u64, most: usize) -> (Changes, u64) {
        let Some(known) = since.checked_sub(self.forgotten) else {
            return (Changes::All, self.change());
        };
        let known = usize::try_from(known).unwrap_or(usize::MAX);
        let rest = self.changed.get(known..).unwrap_or_default();
        let some = &rest[..rest.len().min(most)];
        let mut slots = some.to_vec();
        slots.sort_unstable();
        slots.dedup();
        (Changes::Some(slots), since + some.len() as u64)
    }
}

impl IndexedItem {
    /// Whether the item may be offered to everybody on `day`: public, within its rights, not sold
    /// out.
    fn is_eligible(&self, day: NaiveDate) -> bool {
        self.unavailable(day).is_none()
    }

    /// Why the item may not be offered on `day`; `None` if it may.
    fn unavailable(&self, day: NaiveDate) -> Option<Unavailable> {
        if self.deleted {
            Some(Unavailable::Deleted)
        } else if self.visibility != Visibility::Public {
            Some(Unavailable::NotPublic)
        } else if self.rights_from.is_some_and(|from| day < from)
            || self.rights_until.is_some_and(|until| day > until)
        {
            Some(Unavailable::Rights)
        } else if self.stock == Some(0) {
            Some(Unavailable::SoldOut)
        } else {
            None
        }
    }
}

/// Why an item may not be offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unavailable {
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
    use uuid::Uuid;

    fn row(id: u128, changed_in: u64) -> ItemRow {
        ItemRow {
            genres: vec!["Drama".to_owned()],
            changed_in,
            ..ItemRow::new(Uuid::from_u128(id), format!("{id} in {changed_in}"))
        }
    }

    #[test]
    fn an_item_keeps_its_slot_and_a_row_read_twice_changes_once() {
        let mut catalogue = Catalogue::default();
        catalogue.put(row(7, 1));
        catalogue.put(row(8, 1));
        let seen = catalogue.change();
        catalogue.put(row(7, 1));
        assert_eq!(catalogue.changes(seen), Changes::Some(Vec::new()));
        catalogue.put(row(8, 2));
        assert_eq!(catalogue.changes(seen), Changes::Some(vec![1]));
        assert_eq!(catalogue.changes(0), Changes::Some(vec![0, 1]));
        assert_eq!(&*catalogue.entry(1).unwrap().title, "8 in 2");
        assert_eq!(catalogue.slot(Uuid::from_u128(7).into()), Some(0));
    }

    #[test]
    fn who_follows_too_slowly_takes_all() {
        let mut catalogue = Catalogue::default();
        for change in 0..=(2 * MAX_REMEMBERED_CHANGES as u64) {
            catalogue.put(row(1, change + 1));
        }
        assert_eq!(catalogue.changes(0), Changes::All);
        let seen = catalogue.change();
        catalogue.put(row(1, u64::MAX));
        assert_eq!(catalogue.changes(seen), Changes::Some(vec![0]));
    }

    #[test]
    fn changes_are_taken_up_in_parts_without_missing_one() {
        let mut catalogue = Catalogue::default();
        for (id, changed_in) in [(7, 1), (8, 1), (7, 2), (9, 2), (9, 3)] {
            catalogue.put(row(id, changed_in));
        }
        let (mut since, mut parts) = (0, Vec::new());
        while since < catalogue.change() {
            let (part, next) = catalogue.changes_within(since, 2);
            parts.push(part);
            since = next;
        }
        let slots: [&[u32]; 3] = [&[0, 1], &[0, 2], &[2]];
        assert_eq!(parts, slots.map(|slots| Changes::Some(slots.to_vec())));
        assert_eq!(
            catalogue.changes_within(since, 2),
            (Changes::Some(Vec::new()), since)
        );
    }

    #[test]
    fn a_shelf_offers_an_item_on_the_days_on_which_the_item_may_be_offered() {
        let day = |day| NaiveDate::from_ymd_opt(2026, 3, day);
        let item = |change: &dyn Fn(&mut ItemRow)| {
            let mut row = row(1, 1);
            change(&mut row);
            row
        };
        let items = [
            item(&|_| {}),
            item(&|row| row.deleted = true),
            item(&|row| row.visibility = Visibility::Private),
            item(&|row| row.stock = Some(0)),
            item(&|row| row.stock = Some(1)),
            item(&|row| row.rights_from = day(3)),
            item(&|row| row.rights_until = day(3)),
            item(&|row| (row.rights_from, row.rights_until) = (day(2), day(4))),
            item(&|row| (row.rights_from, row.rights_until) = (day(4), day(2))),
            item(&|row| (row.rights_from, row.stock) = (day(3), Some(0))),
        ];
        let id = Uuid::from_u128(1).into();
        let mut catalogue = Catalogue::default();
        for (change, row) in (2..).zip(items) {
            let told = format!("{row:?}");
            catalogue.put(ItemRow {
                changed_in: change,
                ..row
            });
            let entry = catalogue.find(id).unwrap();
            for day in (1..=5).filter_map(day) {
                assert_eq!(
                    catalogue.is_eligible(id, day),
                    entry.is_eligible(day),
                    "{day}: {told}"
                );
                assert_eq!(
                    catalogue.unavailable(0, day),
                    entry.unavailable(day),
                    "{day}: {told}"
                );
            }
        }
        assert!(!catalogue.is_eligible(Uuid::from_u128(2).into(), NaiveDate::MIN));
    }
}
