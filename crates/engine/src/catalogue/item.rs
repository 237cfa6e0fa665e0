//! What the catalogue knows of an item.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{ContentKind, Visibility};
use foundation::{Id, id};

/// A text that many items share, by its number in [`StringInterner`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InternedString(u32);

impl InternedString {
    /// Its number, which it keeps while the process lives.
    pub fn number(self) -> u32 {
        self.0
    }
}

/// The texts that items share: genres, brands, people's ids and so on, each kept once.
#[derive(Default)]
pub struct StringInterner {
    names: Vec<Arc<str>>,
    indices: HashMap<Arc<str>, InternedString>,
}

impl StringInterner {
    /// The text of a string.
    pub fn name(&self, string: InternedString) -> &str {
        self.names.get(string.0 as usize).map_or("", |name| name)
    }

    /// The string of a text, if any item has it.
    pub fn find(&self, name: &str) -> Option<InternedString> {
        self.indices.get(name).copied()
    }

    fn of(&mut self, name: &str) -> InternedString {
        if let Some(string) = self.find(name) {
            return string;
        }
        // No catalogue has four thousand million texts; one that had would share the last.
        let string = InternedString(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        let name: Arc<str> = name.into();
        self.names.push(Arc::clone(&name));
        self.indices.insert(name, string);
        string
    }

    fn each(&mut self, names: &[String]) -> Box<[InternedString]> {
        names.iter().map(|name| self.of(name)).collect()
    }

    fn some(&mut self, name: Option<&String>) -> Option<InternedString> {
        name.map(|name| self.of(name))
    }
}

/// What the database says of an item, as far as the catalogue keeps it.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is the column of that name")]
pub struct ItemRow {
    pub id: Uuid,
    pub kind: ContentKind,
    pub visibility: Visibility,
    pub deleted: bool,
    pub title: String,
    pub genres: Vec<String>,
    pub tags: Vec<String>,
    pub category_path: Vec<String>,
    /// Everybody credited.
    pub people: Vec<Uuid>,
    pub year: Option<i32>,
    pub duration_minutes: Option<i32>,
    pub language: Option<String>,
    pub rating_average: Option<f32>,
    pub rating_count: Option<i32>,
    pub popularity: f64,
    pub brand: Option<String>,
    pub merchant: Option<String>,
    pub price: Option<Decimal>,
    pub currency: Option<String>,
    pub stock: Option<i32>,
    pub color: Option<String>,
    pub rights_from: Option<NaiveDate>,
    pub rights_until: Option<NaiveDate>,
    pub broadcasts_left: Option<i32>,
    /// The number of that name in the metadata, in the currency of the source.
    pub revenue: Option<f64>,
    pub creator: Option<Uuid>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// The transaction that wrote it last.
    pub changed_in: u64,
}

impl ItemRow {
    /// A public film of which nothing more is known, as the first transaction wrote it.
    pub fn new(id: Uuid, title: impl Into<String>) -> Self {
        Self {
            id,
            kind: ContentKind::Movie,
            visibility: Visibility::Public,
            deleted: false,
            title: title.into(),
            genres: Vec::new(),
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
            broadcasts_left: None,
            revenue: None,
            creator: None,
            created_at: DateTime::default(),
            updated_at: DateTime::default(),
            changed_in: 1,
        }
    }
}

/// An item on the catalogue.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each is the field of that name of `Fields`")]
pub struct IndexedItem {
    pub id: Id<id::Content>,
    pub kind: ContentKind,
    pub visibility: Visibility,
    pub deleted: bool,
    pub title: Box<str>,
    pub genres: Box<[InternedString]>,
    pub tags: Box<[InternedString]>,
    pub category_path: Box<[InternedString]>,
    /// Everybody credited, in no order; the strings are those of their ids.
    pub people: Box<[InternedString]>,
    pub year: Option<i32>,
    pub duration_minutes: Option<i32>,
    pub language: Option<InternedString>,
    pub rating_average: Option<f32>,
    pub rating_count: Option<i32>,
    pub popularity: f64,
    pub brand: Option<InternedString>,
    pub merchant: Option<InternedString>,
    pub price: Option<Decimal>,
    pub currency: Option<InternedString>,
    pub stock: Option<i32>,
    pub color: Option<InternedString>,
    pub rights_from: Option<NaiveDate>,
    pub rights_until: Option<NaiveDate>,
    pub broadcasts_left: Option<i32>,
    /// The number of that name in the metadata, in the currency of the source.
    pub revenue: Option<f64>,
    pub creator: Option<Id<id::User>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub(super) changed_in: u64,
}

impl IndexedItem {
    pub(super) fn new(row: ItemRow, strings: &mut StringInterner) -> Self {
        let people = row.people.iter();
        let people = people.map(|person| strings.of(&person.to_string()));
        Self {
            id: row.id.into(),
            kind: row.kind,
            visibility: row.visibility,
            deleted: row.deleted,
            people: people.collect(),
            title: row.title.into_boxed_str(),
            genres: strings.each(&row.genres),
            tags: strings.each(&row.tags),
            category_path: strings.each(&row.category_path),
            year: row.year,
            duration_minutes: row.duration_minutes,
            language: strings.some(row.language.as_ref()),
            rating_average: row.rating_average,
            rating_count: row.rating_count,
            popularity: row.popularity,
            brand: strings.some(row.brand.as_ref()),
            merchant: strings.some(row.merchant.as_ref()),
            price: row.price,
            currency: strings.some(row.currency.as_ref()),
            stock: row.stock,
            color: strings.some(row.color.as_ref()),
            rights_from: row.rights_from,
            rights_until: row.rights_until,
            broadcasts_left: row.broadcasts_left,
            revenue: row.revenue,
            creator: row.creator.map(Into::into),
            created_at: row.created_at,
            updated_at: row.updated_at,
            changed_in: row.changed_in,
        }
    }
}
