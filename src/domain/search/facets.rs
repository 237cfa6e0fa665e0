//! What was found, in counts: over all items that match the query and the filter, however many
//! pages they make.

use std::hash::Hash;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use rustc_hash::FxHashMap;

use super::results::SearchResults;
use crate::domain::content::ContentKind;
use crate::domain::content::facets::FacetCount;
use crate::engine::catalogue::{Catalogue, IndexedItem, InternedString};
use crate::engine::eligibility::Rules;

/// By what found items are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchFacet {
    /// Each of an item's genres.
    Genre,
    /// Each of the catalogue's key words.
    Tag,
    /// The original language.
    Language,
    /// The brand.
    Brand,
    /// The merchant.
    Merchant,
    /// Each category that the item stands in, at any level.
    Category,
}

/// Where one price range ends and the next begins, in whole units of the currency.
const PRICES: [u32; 10] = [10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];

/// How many found items have a price in a range.
#[derive(Clone, Debug, PartialEq)]
pub struct PriceRange {
    /// The currency, ISO 4217.
    pub currency: String,
    /// From this price on.
    pub from: Decimal,
    /// Below this price; `None` where there is no end.
    pub below: Option<Decimal>,
    /// How many items.
    pub count: i64,
}

/// What was found and may be shown on a day.
pub(super) struct FacetCounting<'a> {
    pub results: &'a SearchResults,
    pub catalogue: &'a Catalogue,
    pub day: NaiveDate,
}

impl FacetCounting<'_> {
    /// The `most` frequent values of `facet`, the most frequent first.
    pub fn texts(&self, facet: SearchFacet, most: usize) -> Vec<FacetCount> {
        let counts = self.count(|entry| {
            let mut values = match facet {
                SearchFacet::Genre => entry.genres.to_vec(),
                SearchFacet::Tag => entry.tags.to_vec(),
                SearchFacet::Category => entry.category_path.to_vec(),
                SearchFacet::Language => Vec::from_iter(entry.language),
                SearchFacet::Brand => Vec::from_iter(entry.brand),
                SearchFacet::Merchant => Vec::from_iter(entry.merchant),
            };
            // An item that names a value twice is one item.
            values.sort_unstable();
            values.dedup();
            values
        });
        let strings = self.catalogue.strings();
        let named =
            |(string, count): (InternedString, i64)| (strings.name(string).to_owned(), count);
        let mut counts = frequent_first(counts.into_iter().map(named));
        counts.truncate(most);
        counts
    }

    /// The kinds, the most frequent first.
    pub fn kinds(&self) -> Vec<FacetCount<ContentKind>> {
        let counts = self.count(|entry| [entry.kind]);
        let counts = counts
            .into_iter()
            .map(|(kind, count)| (kind.as_str(), count));
        let parsed = frequent_first(counts).into_iter().filter_map(|group| {
            let value = group.value.parse().ok()?;
            Some(FacetCount {
                value,
                count: group.count,
            })
        });
        parsed.collect()
    }

    /// The decades, the first one first.
    pub fn decades(&self) -> Vec<FacetCount<i32>> {
        let counts = self.count(|entry| entry.year.map(|year| year / 10 * 10));
        let mut counts: Vec<_> = counts
            .into_iter()
            .map(|(value, count)| FacetCount { value, count })
            .collect();
        counts.sort_unstable_by_key(|group| group.value);
        counts
    }

    /// The price ranges that have items, by currency and price.
    pub fn prices(&self) -> Vec<PriceRange> {
        let counts = self.count(|entry| {
            let range = |price: Decimal| PRICES.partition_point(|end| Decimal::from(*end) <= price);
            entry.currency.zip(entry.price.map(range))
        });
        let strings = self.catalogue.strings();
        let ranges = counts.into_iter().map(|((currency, range), count)| {
            let before = range.checked_sub(1).map_or(0, |before| PRICES[before]);
            PriceRange {
                currency: strings.name(currency).to_owned(),
                from: before.into(),
                below: PRICES.get(range).copied().map(Into::into),
                count,
            }
        });
        let mut ranges: Vec<_> = ranges.collect();
        ranges.sort_unstable_by(|a, b| a.currency.cmp(&b.currency).then(a.from.cmp(&b.from)));
        ranges
    }

    fn count<T: Hash + Eq, V: IntoIterator<Item = T>>(
        &self,
        values: impl Fn(&IndexedItem) -> V,
    ) -> FxHashMap<T, i64> {
        let mut counts = FxHashMap::default();
        let rules = Rules::on(self.day).within(self.catalogue);
        let slots = self.results.matched.iter();
        for entry in slots.filter_map(|slot| rules.check(*slot).ok()) {
            for value in values(entry) {
                *counts.entry(value).or_default() += 1;
            }
        }
        counts
    }
}

fn frequent_first<S: Into<String>>(counts: impl Iterator<Item = (S, i64)>) -> Vec<FacetCount> {
    let counts = counts.map(|(value, count)| FacetCount {
        value: value.into(),
        count,
    });
    let mut counts: Vec<_> = counts.collect();
    counts.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    counts
}
