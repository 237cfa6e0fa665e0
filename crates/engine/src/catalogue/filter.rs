//! Which content items to list, and in which order.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{ContentKind, Visibility};
use foundation::filter::{Comparison, Text, TextList};
use foundation::{Id, Refusal, Result, id, text_enum};

/// Which content items to list; what is not given does not filter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each is the filter on the field of that name")]
pub struct ContentFilter {
    #[serde(skip_serializing_if = "Comparison::is_empty")]
    pub kind: Comparison<ContentKind>,
    #[serde(skip_serializing_if = "Text::is_empty")]
    pub title: Text,
    #[serde(skip_serializing_if = "TextList::is_empty")]
    pub genres: TextList,
    #[serde(skip_serializing_if = "TextList::is_empty")]
    pub tags: TextList,
    #[serde(skip_serializing_if = "Comparison::is_empty")]
    pub year: Comparison<i32>,
    #[serde(skip_serializing_if = "Comparison::is_empty")]
    pub duration_minutes: Comparison<i32>,
    #[serde(skip_serializing_if = "Text::is_empty")]
    pub language: Text,
    #[serde(skip_serializing_if = "Comparison::is_empty")]
    pub rating_average: Comparison<f64>,
    #[serde(skip_serializing_if = "Comparison::is_empty")]
    pub rating_count: Comparison<i32>,
    #[serde(skip_serializing_if = "Comparison::is_empty")]
    pub popularity: Comparison<f64>,
    #[serde(skip_serializing_if = "Text::is_empty")]
    pub brand: Text,
    #[serde(skip_serializing_if = "Text::is_empty")]
    pub merchant: Text,
    #[serde(skip_serializing_if = "TextList::is_empty")]
    pub category_path: TextList,
    #[serde(skip_serializing_if = "Comparison::is_empty")]
    pub price: Comparison<Decimal>,
    #[serde(skip_serializing_if = "Text::is_empty")]
    pub currency: Text,
    #[serde(skip_serializing_if = "Comparison::is_empty")]
    pub stock: Comparison<i32>,
    #[serde(skip_serializing_if = "Text::is_empty")]
    pub color: Text,
    #[serde(skip_serializing_if = "Comparison::is_empty")]
    pub rights_from: Comparison<NaiveDate>,
    #[serde(skip_serializing_if = "Comparison::is_empty")]
    pub rights_until: Comparison<NaiveDate>,
    #[serde(skip_serializing_if = "Comparison::is_empty")]
    pub visibility: Comparison<Visibility>,
    #[serde(skip_serializing_if = "Comparison::is_empty")]
    pub creator: Comparison<Id<id::User>>,
    #[serde(skip_serializing_if = "Comparison::is_empty")]
    pub created_at: Comparison<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Comparison::is_empty")]
    pub updated_at: Comparison<DateTime<Utc>>,
    /// With a credit of this person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<Id<id::Person>>,
    /// All of these hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub and: Vec<ContentFilter>,
    /// At least one of these holds; an empty list does not filter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub or: Vec<ContentFilter>,
    /// This does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not: Option<Box<ContentFilter>>,
}

/// How large a filter may be: parts that are nested or joined, and values in all its lists.
const MAX_PARTS: usize = 100;
const MAX_LISTED: usize = 2000;

impl ContentFilter {
    /// Whether nothing is asked, so that every item fits.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether any part of it says which kinds are wanted.
    pub fn names_kind(&self) -> bool {
        let parts = self.and.iter().chain(&self.or).chain(self.not.as_deref());
        self.kind != Comparison::default() || parts.into_iter().any(Self::names_kind)
    }

    /// Refuses a filter that would cost the database more than a caller may ask for.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`].
    pub fn check(&self) -> Result<()> {
        let (parts, listed) = self.size();
        if parts > MAX_PARTS || listed > MAX_LISTED {
            let message = format!(
                "a filter has at most {MAX_PARTS} parts and {MAX_LISTED} values in its lists"
            );
            return Err(Refusal::invalid("filter", message).into());
        }
        Ok(())
    }

    fn size(&self) -> (usize, usize) {
        let texts = [
            &self.title,
            &self.language,
            &self.brand,
            &self.merchant,
            &self.currency,
            &self.color,
        ];
        let lists = [&self.genres, &self.tags, &self.category_path];
        let listed = texts.iter().map(|text| text.listed()).sum::<usize>()
            + lists.iter().map(|list| list.listed()).sum::<usize>()
            + self.kind.listed()
            + self.year.listed()
            + self.duration_minutes.listed()
            + self.rating_average.listed()
            + self.rating_count.listed()
            + self.popularity.listed()
            + self.price.listed()
            + self.stock.listed()
            + self.rights_from.listed()
            + self.rights_until.listed()
            + self.visibility.listed()
            + self.creator.listed()
            + self.created_at.listed()
            + self.updated_at.listed();
        let parts = self.and.iter().chain(&self.or).chain(self.not.as_deref());
        parts
            .map(Self::size)
            .fold((1, listed), |(parts, listed), (more_parts, more_listed)| {
                (parts + more_parts, listed + more_listed)
            })
    }
}

text_enum! {
    /// Fields by which content items can be ordered.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum ContentOrder {
        /// Time when the item was created.
        CreatedAt = "CREATED_AT",
        /// Title, compared by Unicode code points.
        Title = "TITLE",
        /// Year of release.
        Year = "YEAR",
        /// Popularity given by the data source.
        Popularity = "POPULARITY",
        /// Mean rating given by the data source.
        RatingAverage = "RATING_AVERAGE",
        /// Price, without regard to the currency.
        Price = "PRICE",
    }
}
