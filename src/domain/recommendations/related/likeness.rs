//! How alike items are by their labels: what stands on the catalogue, without a statement.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::engine::catalogue::{Catalogue, IndexedItem, InternedString};
use crate::foundation::{Id, id};

/// In so many years an era fades to 37 %.
const ERA: f32 = 15.0;
/// So much the meaning counts where there is a space; genres count the rest.
const MEANING: f32 = 0.6;
/// The most popular item of a catalogue whose users have not done anything yet counts so much.
const BY_NAME_ONLY: f32 = 0.5;

/// Some items, taken together, to be compared with others.
///
/// A label counts by its rarity, `ln(1 + N / n)` where `n` of `N` items have it (inverse document
/// frequency; Spärck Jones, "A statistical interpretation of term specificity", 1972): two westerns
/// are more alike than two dramas.
pub(in super::super) struct Likeness<'a> {
    catalogue: &'a Catalogue,
    seeds: Vec<&'a IndexedItem>,
    rarity: FxHashMap<InternedString, f32>,
    /// How much users take each item, in [0, 1]; what is missing is hardly taken.
    cooccurrence: &'a FxHashMap<Id<id::Content>, f32>,
    most_popular: f64,
}

impl<'a> Likeness<'a> {
    /// The items of `seeds` that are on the catalogue.
    pub(in super::super) fn new(
        catalogue: &'a Catalogue,
        seeds: &[Id<id::Content>],
        cooccurrence: &'a FxHashMap<Id<id::Content>, f32>,
    ) -> Self {
        let seeds: Vec<&IndexedItem> = seeds
            .iter()
            .filter_map(|seed| catalogue.find(*seed))
            .collect();
        let own: FxHashSet<InternedString> = seeds.iter().flat_map(|seed| details(seed)).collect();
        let mut counts: FxHashMap<InternedString, u32> = FxHashMap::default();
        let (mut all, mut most_popular) = (0_u32, 0.0_f64);
        for (_, entry) in catalogue.iter().filter(|(_, entry)| !entry.deleted) {
            all += 1;
            most_popular = most_popular.max(entry.popularity);
            for genre in genres(entry) {
                *counts.entry(genre).or_default() += 1;
            }
            for detail in details(entry).filter(|detail| own.contains(detail)) {
                *counts.entry(detail).or_default() += 1;
            }
        }
        let rarity = |count: u32| (1.0 + f64::from(all) / f64::from(count)).ln() as f32;
        Self {
            catalogue,
            seeds,
            rarity: counts
                .into_iter()
                .map(|(label, count)| (label, rarity(count)))
                .collect(),
            cooccurrence,
            most_popular,
        }
    }

    /// The items that others are compared with.
    pub(in super::super) fn seeds(&self) -> &[&'a IndexedItem] {
        &self.seeds
    }

    /// Whether the item is none of the seeds, but of the same kind as one of them.
    pub(in super::super) fn comparable(&self, entry: &IndexedItem) -> bool {
        let other = self.seeds.iter().all(|seed| seed.id != entry.id);
        other && self.seeds.iter().any(|seed| seed.kind == entry.kind)
    }

    /// How far the genres and the category are the same, in [0, 1]: the rarity of what is shared
    /// over that of all there is (weighted Jaccard), in the mean over the seeds.
    pub(in super::super) fn genres(&self, entry: &IndexedItem) -> f32 {
        self.mean(|seed| {
            let shared: f32 = genres(entry)
                .filter(|genre| has_genre(seed, *genre))
                .map(|genre| self.rarity(genre))
                .sum();
            if shared == 0.0 {
                return 0.0;
            }
            let sum = |entry| -> f32 { genres(entry).map(|genre| self.rarity(genre)).sum() };
            shared / (sum(entry) + sum(seed) - shared)
        })
    }

    /// How much of what the seeds are labelled with (genres, category, tags, people) the item has
    /// too, by rarity, in [0, 1].
    pub(in super::super) fn labels(&self, entry: &IndexedItem) -> f32 {
        self.mean(|seed| {
            let (mut shared, mut all) = (0.0, 0.0);
            for genre in genres(seed) {
                let rarity = self.rarity(genre);
                all += rarity;
                shared += if has_genre(entry, genre) { rarity } else { 0.0 };
            }
            for detail in details(seed) {
                let rarity = self.rarity(detail);
                all += rarity;
                let has = entry.tags.contains(&detail) || entry.people.contains(&detail);
                shared += if has { rarity } else { 0.0 };
            }
            if all > 0.0 { shared / all } else { 0.0 }
        })
    }

    /// How alike an item is whose meaning is so near, as a cosine: words alone find what is told of
    /// in the same way, and genres alone what is of the same catalogue.
    pub(in super::super) fn with_meaning(&self, entry: &IndexedItem, cosine: f32) -> f32 {
        MEANING * cosine.clamp(0.0, 1.0) + (1.0 - MEANING) * self.genres(entry)
    }

    /// Whether some of the people who made a seed made the item too.
    pub(in super::super) fn shares_people(&self, entry: &IndexedItem) -> bool {
        let theirs =
            |person: &InternedString| self.seeds.iter().any(|seed| seed.people.contains(person));
        entry.people.iter().any(theirs)
    }

    /// How near the years are, in [0, 1]: `exp(−Δ / 15)`; 0 where a year is not known.
    pub(in super::super) fn era(&self, entry: &IndexedItem) -> f32 {
        self.mean(|seed| match (seed.year, entry.year) {
            (Some(one), Some(other)) => (-(one.abs_diff(other) as f32) / ERA).exp(),
            _ => 0.0,
        })
    }

    /// How popular an item is, in [0, 1]: how much users take it, and where they do not, half of
    /// the popularity that the catalogue gives it.
    pub(in super::super) fn popularity(&self, entry: &IndexedItem) -> f32 {
        let cooccurrence = self.cooccurrence.get(&entry.id).copied().unwrap_or(0.0);
        let named = if self.most_popular > 0.0 {
            (entry.popularity / self.most_popular) as f32 * BY_NAME_ONLY
        } else {
            0.0
        };
        cooccurrence.max(named).clamp(0.0, 1.0)
    }

    /// The genres that the item shares with a seed, the rarest first.
    pub(in super::super) fn shared_genres(&self, entry: &IndexedItem) -> Vec<&'a str> {
        let shared = |genre: &InternedString| self.seeds.iter().any(|seed| has_genre(seed, *genre));
        self.names(genres(entry).filter(shared))
    }

    /// The tags that the item shares with a seed, the rarest first.
    pub(in super::super) fn shared_tags(&self, entry: &IndexedItem) -> Vec<&'a str> {
        let shared = |tag: &InternedString| self.seeds.iter().any(|seed| seed.tags.contains(tag));
        self.names(entry.tags.iter().copied().filter(shared))
    }

    fn names(&self, labels: impl Iterator<Item = InternedString>) -> Vec<&'a str> {
        let mut labels: Vec<InternedString> = labels.collect();
        labels.sort_by(|a, b| {
            let by_rarity = self.rarity(*b).total_cmp(&self.rarity(*a));
            by_rarity.then(a.cmp(b))
        });
        labels.dedup();
        let strings = self.catalogue.strings();
        labels
            .into_iter()
            .map(|label| strings.name(label))
            .collect()
    }

    /// How rare a label is: `ln(1 + N / n)`; 0 where it is not known.
    pub(in super::super) fn rarity(&self, label: InternedString) -> f32 {
        self.rarity.get(&label).copied().unwrap_or(0.0)
    }

    fn mean(&self, score: impl Fn(&IndexedItem) -> f32) -> f32 {
        let sum: f32 = self.seeds.iter().map(|seed| score(seed)).sum();
        sum / self.seeds.len().max(1) as f32
    }
}

/// Genres, and for products the path of the category.
fn genres(entry: &IndexedItem) -> impl Iterator<Item = InternedString> + '_ {
    entry.genres.iter().chain(&entry.category_path).copied()
}

fn has_genre(entry: &IndexedItem, genre: InternedString) -> bool {
    entry.genres.contains(&genre) || entry.category_path.contains(&genre)
}

/// Tags and people.
fn details(entry: &IndexedItem) -> impl Iterator<Item = InternedString> + '_ {
    entry.tags.iter().chain(&entry.people).copied()
}
