//! Eligibility: whether an item may be shown to a user for a request. The only place that decides it.

use chrono::NaiveDate;
use rustc_hash::FxHashSet;

use super::catalogue::{Catalogue, ContentFilter, ContentKind, IndexedItem, Matcher, Unavailable};
use foundation::{Id, id};

type Content = Id<id::Content>;

/// Why an item is not eligible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ineligible {
    /// It is not available to anybody.
    Unavailable(Unavailable),
    /// The request excludes it.
    Excluded,
    /// The history of the user excludes it: consumed or disliked.
    Seen,
    /// It does not match the filter, or is of another kind than the list is of.
    Filtered,
    /// It may not be broadcast any more.
    NoBroadcastsLeft,
}

/// The eligibility rules of a request.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The day for rights windows.
    pub day: NaiveDate,
    /// Only items that match; `None` lets all through.
    pub filter: Option<&'a ContentFilter>,
    /// Only items of these kinds; empty lets all through.
    pub kinds: &'a [ContentKind],
}

impl<'a> Rules<'a> {
    /// Rules that allow everything available on `day`.
    pub fn on(day: NaiveDate) -> Self {
        Self {
            day,
            filter: None,
            kinds: &[],
        }
    }

    /// The same, of what matches `filter` only.
    #[must_use]
    pub fn matching(self, filter: &'a ContentFilter) -> Self {
        Self {
            filter: Some(filter).filter(|filter| !filter.is_empty()),
            ..self
        }
    }

    /// The same, of these kinds only.
    #[must_use]
    pub fn of_kinds(self, kinds: &'a [ContentKind]) -> Self {
        Self { kinds, ..self }
    }

    /// Compiles the rules for a catalogue.
    pub fn within(self, catalogue: &'a Catalogue) -> Eligibility<'a> {
        Eligibility {
            catalogue,
            day: self.day,
            filter: self.filter.map(|filter| Matcher::new(filter, catalogue)),
            kinds: self.kinds,
            excluded: None,
            seen: None,
            broadcast: false,
        }
    }
}

/// The compiled eligibility rules of a request.
pub struct Eligibility<'a> {
    catalogue: &'a Catalogue,
    day: NaiveDate,
    filter: Option<Matcher<'a>>,
    kinds: &'a [ContentKind],
    excluded: Option<&'a FxHashSet<Content>>,
    seen: Option<&'a FxHashSet<Content>>,
    broadcast: bool,
}

impl<'a> Eligibility<'a> {
    /// The same rules, without these items.
    #[must_use]
    pub fn without(self, excluded: &'a FxHashSet<Content>) -> Self {
        Self {
            excluded: Some(excluded).filter(|excluded| !excluded.is_empty()),
            ..self
        }
    }

    /// The same rules, without the items that the history of the user excludes.
    #[must_use]
    pub fn without_seen(self, seen: &'a FxHashSet<Content>) -> Self {
        Self {
            seen: Some(seen).filter(|seen| !seen.is_empty()),
            ..self
        }
    }

    /// The same rules, of what may still be broadcast: an item whose number of broadcasts is known needs one left.
    #[must_use]
    pub fn for_broadcast(self) -> Self {
        Self {
            broadcast: true,
            ..self
        }
    }

    /// The catalogue that the rules were compiled for.
    pub fn catalogue(&self) -> &'a Catalogue {
        self.catalogue
    }

    /// The item in a slot, if it is eligible.
    ///
    /// # Errors
    /// The reason why it is not; an unknown slot counts as deleted.
    pub fn check(&self, slot: u32) -> Result<&'a IndexedItem, Ineligible> {
        // What is asked of thousands of candidates lies side by side; the item itself is far away.
        if let Some(unavailable) = self.catalogue.unavailable(slot, self.day) {
            return Err(Ineligible::Unavailable(unavailable));
        }
        let deleted = Ineligible::Unavailable(Unavailable::Deleted);
        let item = self.catalogue.entry(slot).ok_or(deleted)?;
        let has = |set: Option<&FxHashSet<Content>>| set.is_some_and(|set| set.contains(&item.id));
        if has(self.excluded) {
            Err(Ineligible::Excluded)
        } else if has(self.seen) {
            Err(Ineligible::Seen)
        } else if !self.matches(item) {
            Err(Ineligible::Filtered)
        } else if self.broadcast && item.broadcasts_left.is_some_and(|left| left <= 0) {
            Err(Ineligible::NoBroadcastsLeft)
        } else {
            Ok(item)
        }
    }

    /// Whether the item in a slot is eligible: the same as [`Eligibility::check`], without a look at the item
    /// where its availability and its kind decide.
    pub fn is_eligible(&self, slot: u32) -> bool {
        let Some(kind) = self.catalogue.kind(slot) else {
            return false;
        };
        if !self.kinds.is_empty() && !self.kinds.contains(&kind) {
            return false;
        }
        let sets = self.excluded.is_some() || self.seen.is_some();
        let asks_more = self.filter.is_some() || sets || self.broadcast;
        match asks_more {
            true => self.check(slot).is_ok(),
            false => self.catalogue.unavailable(slot, self.day).is_none(),
        }
    }

    /// All eligible items with their slots.
    pub fn eligible_items(&self) -> impl Iterator<Item = (u32, &'a IndexedItem)> + '_ {
        let all = 0..u32::try_from(self.catalogue.len()).unwrap_or(u32::MAX);
        all.filter_map(|slot| Some((slot, self.check(slot).ok()?)))
    }

    /// Whether the item with this id exists and is eligible.
    pub fn is_eligible_content(&self, content: Content) -> bool {
        let slot = self.catalogue.slot(content);
        slot.is_some_and(|slot| self.is_eligible(slot))
    }

    /// Why the item in a slot is unavailable to everybody, whatever the request; `None` if it is available.
    pub fn unavailable(&self, slot: u32) -> Option<Unavailable> {
        self.catalogue.unavailable(slot, self.day)
    }

    fn matches(&self, item: &IndexedItem) -> bool {
        let kind = self.kinds.is_empty() || self.kinds.contains(&item.kind);
        kind && self
            .filter
            .as_ref()
            .is_none_or(|filter| filter.matches(item))
    }
}
