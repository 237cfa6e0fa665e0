//! What the shelf knows of an item.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::domain::content::model::{ContentKind, Visibility};
use crate::foundation::{Id, id};

/// A text that many items share, by its number in [`Symbols`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbol(u32);

/// The texts that items share: genres, brands, people's ids and so on, each kept once.
#[derive(Default)]
pub struct Symbols {
    names: Vec<Arc<str>>,
    places: HashMap<Arc<str>, Symbol>,
}

impl Symbols {
    /// The text of a symbol.
    pub fn name(&self, symbol: Symbol) -> &str {
        self.names.get(symbol.0 as usize).map_or("", |name| name)
    }

    /// The symbol of a text, if any item has it.
    pub fn find(&self, name: &str) -> Option<Symbol> {
        self.places.get(name).copied()
    }

    fn of(&mut self, name: &str) -> Symbol {
        if let Some(symbol) = self.find(name) {
            return symbol;
        }
        // No catalogue has four thousand million texts; one that had would share the last.
        let symbol = Symbol(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        let name: Arc<str> = name.into();
        self.names.push(Arc::clone(&name));
        self.places.insert(name, symbol);
        symbol
    }

    fn each(&mut self, names: &[String]) -> Box<[Symbol]> {
        names.iter().map(|name| self.of(name)).collect()
    }

    fn some(&mut self, name: Option<&String>) -> Option<Symbol> {
        name.map(|name| self.of(name))
    }
}

/// What the database says of an item, as far as the shelf keeps it.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is the column of that name")]
pub struct Facts {
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
    pub creator: Option<Uuid>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// The transaction that wrote it last.
    pub changed_in: u64,
}

/// An item on the shelf.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each is the field of that name of `Fields`")]
pub struct Entry {
    pub id: Id<id::Content>,
    pub kind: ContentKind,
    pub visibility: Visibility,
    pub deleted: bool,
    pub title: Box<str>,
    pub genres: Box<[Symbol]>,
    pub tags: Box<[Symbol]>,
    pub category_path: Box<[Symbol]>,
    /// Everybody credited, in no order; the symbols are those of their ids.
    pub people: Box<[Symbol]>,
    pub year: Option<i32>,
    pub duration_minutes: Option<i32>,
    pub language: Option<Symbol>,
    pub rating_average: Option<f32>,
    pub rating_count: Option<i32>,
    pub popularity: f64,
    pub brand: Option<Symbol>,
    pub merchant: Option<Symbol>,
    pub price: Option<Decimal>,
    pub currency: Option<Symbol>,
    pub stock: Option<i32>,
    pub color: Option<Symbol>,
    pub rights_from: Option<NaiveDate>,
    pub rights_until: Option<NaiveDate>,
    pub creator: Option<Id<id::User>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub(super) changed_in: u64,
}

impl Entry {
    pub(super) fn new(facts: Facts, symbols: &mut Symbols) -> Self {
        let people = facts.people.iter();
        let people = people.map(|person| symbols.of(&person.to_string()));
        Self {
            id: facts.id.into(),
            kind: facts.kind,
            visibility: facts.visibility,
            deleted: facts.deleted,
            people: people.collect(),
            title: facts.title.into_boxed_str(),
            genres: symbols.each(&facts.genres),
            tags: symbols.each(&facts.tags),
            category_path: symbols.each(&facts.category_path),
            year: facts.year,
            duration_minutes: facts.duration_minutes,
            language: symbols.some(facts.language.as_ref()),
            rating_average: facts.rating_average,
            rating_count: facts.rating_count,
            popularity: facts.popularity,
            brand: symbols.some(facts.brand.as_ref()),
            merchant: symbols.some(facts.merchant.as_ref()),
            price: facts.price,
            currency: symbols.some(facts.currency.as_ref()),
            stock: facts.stock,
            color: symbols.some(facts.color.as_ref()),
            rights_from: facts.rights_from,
            rights_until: facts.rights_until,
            creator: facts.creator.map(Into::into),
            created_at: facts.created_at,
            updated_at: facts.updated_at,
            changed_in: facts.changed_in,
        }
    }
}
