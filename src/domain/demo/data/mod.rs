//! The demo: real films as plain facts, and an invented shop, people and history.
//!
//! Everything is a pure function of a seed and a moment in time, so that two machines
//! that start from the same seed and moment hold the same data.

mod history;
mod people;
mod schedule;

use chrono::{DateTime, NaiveDate, SubsecRound, TimeDelta, Utc};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub use self::people::DemoUser;
pub use self::schedule::{CHANNELS, DemoAiring, DemoChannel};
use crate::domain::interactions::InteractionKind;

const FILMS: &str = include_str!("films.jsonl");
const PRODUCTS: &str = include_str!("products.jsonl");

/// The reserved user's favourite director; the rights are always open, so that there is
/// something to recommend.
const FAVOURITE: &str = "Akira Kurosawa";

/// The film that people try search with, by mistyping it: its rights are open as well.
const MISTYPED: &str = "inception-2010";

/// A film, as facts.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Film {
    /// Stable name: title and year in lower case.
    pub key: String,
    /// The usual English title.
    pub title: String,
    /// The original title, where it differs.
    pub original_title: Option<String>,
    /// Year of the first release.
    pub year: i32,
    /// The directors, in the order of the credits.
    pub director: Vec<String>,
    /// Leading actors, each with the part played.
    pub cast: Vec<(String, String)>,
    /// Genres of a fixed vocabulary.
    pub genres: Vec<String>,
    /// Running time.
    pub minutes: u32,
    /// Main language, as a code of two letters.
    pub language: String,
    /// A few words about subject and place.
    pub keywords: Vec<String>,
    /// One sentence on what it is about.
    pub summary: String,
    /// First and last day on which the film may be shown; none means always.
    #[serde(skip)]
    pub rights: Option<(NaiveDate, NaiveDate)>,
    /// How often it may still be shown; none means without limit.
    #[serde(skip)]
    pub broadcasts_left: Option<u32>,
}

/// An invented product of the demo shop.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Product {
    /// Stable name: the title in lower case.
    pub key: String,
    /// What the shop calls it.
    pub title: String,
    /// One sentence about it.
    pub description: String,
    /// The invented brand.
    pub brand: String,
    /// Path from the widest to the narrowest category.
    pub category: Vec<String>,
    /// Price now.
    pub price: f64,
    /// Price before a reduction, never below `price`.
    pub list_price: Option<f64>,
    /// ISO 4217 code of both prices.
    pub currency: String,
    /// Pieces in stock.
    pub stock: u32,
    /// Main colour, or the binding of a book.
    pub color: String,
    /// A few words about use and subject.
    pub tags: Vec<String>,
}

/// An item by its position in [`Demo`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ItemRef {
    /// Index into [`Demo::films`].
    Film(usize),
    /// Index into [`Demo::products`].
    Product(usize),
}

/// One act of one person.
#[derive(Clone, Debug, PartialEq)]
pub struct DemoInteraction {
    /// Index into [`Demo::users`].
    pub user: usize,
    /// The item acted on.
    pub item: ItemRef,
    /// What was done.
    pub kind: InteractionKind,
    /// 0.5 to 5.0 in halves, for ratings only.
    pub value: Option<f32>,
    /// When, to the second.
    pub at: DateTime<Utc>,
}

/// The whole demo.
#[derive(Clone, Debug)]
pub struct Demo {
    /// Films by year, then key.
    pub films: Vec<Film>,
    /// Products by category.
    pub products: Vec<Product>,
    /// People; the first three are reserved.
    pub users: Vec<DemoUser>,
    /// A year of history, by time.
    pub interactions: Vec<DemoInteraction>,
    /// A year of schedules of [`CHANNELS`], and three weeks more of the competitor's, by time.
    pub airings: Vec<DemoAiring>,
}

/// Makes the demo of a seed, with a history that ends at `now`.
pub fn generate(seed: u64, now: DateTime<Utc>) -> Demo {
    let now = now.trunc_subsecs(0);
    let mut films: Vec<Film> = parse(FILMS);
    for film in &mut films {
        set_rights(film, seed, now.date_naive());
    }
    let products = parse(PRODUCTS);
    let (users, interactions) = history::make(seed, now, &films, &products);
    let airings = schedule::make(seed, now, &films);
    Demo {
        films,
        products,
        users,
        interactions,
        airings,
    }
}

/// Reads an embedded file of one JSON object a line.
fn parse<T: DeserializeOwned>(lines: &str) -> Vec<T> {
    lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("the file is embedded, and a test parses it"))
        .collect()
}

/// Gives a film its rights, from nothing but the seed, its key and the day.
fn set_rights(film: &mut Film, seed: u64, today: NaiveDate) {
    let mut rng = ChaCha8Rng::seed_from_u64(keyed(seed, &film.key));
    let share: f64 = rng.random();
    let mut days = |least, most| TimeDelta::days(rng.random_range(least..most));
    let (long, short, ahead) = (days(150, 700), days(10, 120), days(60, 900));
    let open = is_favourite(film) || film.key == MISTYPED;
    film.rights = match share {
        share if !open && share < 0.05 => Some((today - long, today - short)),
        share if !open && share < 0.10 => Some((today + short, today + short + ahead)),
        share if !open && share < 0.25 => None,
        _ => Some((today - long, today + ahead)),
    };
    film.broadcasts_left = match rng.random_range(0..100) {
        0..3 if !open => Some(0),
        0..60 => Some(rng.random_range(1..=12)),
        _ => None,
    };
}

fn is_favourite(film: &Film) -> bool {
    film.director.iter().any(|name| name == FAVOURITE)
}

/// Mixes a seed with a key (FNV-1a), so that each item has randomness of its own.
fn keyed(seed: u64, key: &str) -> u64 {
    key.bytes()
        .fold(0xcbf2_9ce4_8422_2325 ^ seed, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

#[cfg(test)]
mod tests {
    use std::hash::{Hash, Hasher};

    use chrono::TimeZone;
    use rustc_hash::{FxHashMap, FxHashSet, FxHasher};

    use super::*;

    const GENRES: &str = "Action Adventure Animation Comedy Crime Documentary Drama Family Fantasy \
        History Horror Music Musical Mystery Romance Science-Fiction Thriller War Western Film-Noir";

    fn now() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 3, 1, 12, 0, 0)
            .single()
            .expect("the date exists once")
    }

    fn digest(demo: &Demo) -> u64 {
        let mut hasher = FxHasher::default();
        for act in &demo.interactions {
            (
                act.user,
                act.item,
                act.kind,
                act.value.map(f32::to_bits),
                act.at,
            )
                .hash(&mut hasher);
        }
        format!("{:?}{:?}{:?}", demo.films, demo.products, demo.users).hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn the_same_seed_makes_the_same_demo() {
        let first = digest(&generate(7, now()));
        assert_eq!(first, digest(&generate(7, now())));
        assert_ne!(first, digest(&generate(8, now())));
    }

    #[test]
    fn counts_hold_for_any_seed() {
        for seed in 0..4 {
            let demo = generate(seed, now());
            assert!(demo.films.len() >= 320 && demo.products.len() == 120);
            assert_eq!(demo.users.len(), 400);
            assert!(
                demo.interactions.len() >= 40_000,
                "{}",
                demo.interactions.len()
            );
        }
    }

    #[test]
    fn films_and_products_are_well_formed() {
        let demo = generate(1, now());
        let mut keys = FxHashSet::default();
        for film in &demo.films {
            assert!(keys.insert(&film.key), "{} twice", film.key);
            assert!((1895..=2025).contains(&film.year), "{}", film.key);
            let code = film.language.as_bytes();
            assert!(
                code.len() == 2 && code.iter().all(u8::is_ascii_lowercase),
                "{}",
                film.key
            );
            let known = |genre: &String| {
                GENRES
                    .split(' ')
                    .any(|have| have == genre.replace(' ', "-"))
            };
            assert!(film.genres.iter().all(known), "{}", film.key);
            assert!(
                film.rights.is_none_or(|(first, last)| first <= last),
                "{}",
                film.key
            );
        }
        for product in &demo.products {
            assert!(keys.insert(&product.key), "{} twice", product.key);
            assert!(
                product.list_price.is_none_or(|list| list >= product.price),
                "{}",
                product.key
            );
        }
    }

    #[test]
    fn history_refers_to_what_exists_once_and_in_order() {
        let demo = generate(1, now());
        let mut seen = FxHashSet::default();
        assert!(demo.interactions.is_sorted_by_key(|act| act.at));
        for act in &demo.interactions {
            assert!(act.user < demo.users.len());
            match act.item {
                ItemRef::Film(index) => assert!(index < demo.films.len()),
                ItemRef::Product(index) => assert!(index < demo.products.len()),
            }
            assert!(act.at <= now() && act.at > now() - TimeDelta::days(365));
            assert_eq!(act.value.is_some(), act.kind == InteractionKind::Rating);
            assert!(act.value.is_none_or(|stars| (0.5..=5.0).contains(&stars)));
            assert!(seen.insert((act.user, act.item, act.kind, act.at)));
        }
        let keys: FxHashSet<&str> = demo.users.iter().map(|user| user.key.as_str()).collect();
        let names: FxHashSet<&str> = demo.users.iter().map(|user| user.name.as_str()).collect();
        assert_eq!((keys.len(), names.len()), (400, 400));
    }

    #[test]
    fn the_reserved_user_has_half_of_kurosawa_to_come() {
        for seed in 0..4 {
            let demo = generate(seed, now());
            let mut mine: FxHashMap<usize, Vec<&DemoInteraction>> = FxHashMap::default();
            let acts = demo.interactions.iter().filter(|act| act.user == 0);
            assert!(
                (60..=120).contains(&acts.clone().count()),
                "{}",
                acts.count()
            );
            for act in acts {
                if let ItemRef::Film(index) = act.item {
                    mine.entry(index).or_default().push(act);
                }
            }
            let by_kurosawa = |index: &usize| is_favourite(&demo.films[*index]);
            let all = (0..demo.films.len()).filter(by_kurosawa).count();
            let watched: Vec<_> = mine
                .iter()
                .filter(|(index, _)| by_kurosawa(index))
                .collect();
            assert_eq!(watched.len(), all / 2);
            let liked = |acts: &[&DemoInteraction]| {
                acts.iter()
                    .any(|act| act.kind == InteractionKind::Like || act.value >= Some(3.5))
            };
            assert!(watched.iter().all(|(_, acts)| liked(acts)));
        }
    }
}
