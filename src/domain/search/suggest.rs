//! What may be typed next: titles, people and genres.

use chrono::NaiveDate;
use rustc_hash::FxHashMap;

use super::index::{PersonName, SearchIndex};
use super::lexical::{LexicalContext, LexicalMatches, LexicalQuery};
use super::model::Suggestion;
use super::popularity::PopularityTable;
use crate::engine::catalogue::{Catalogue, IndexedItem};
use crate::engine::eligibility::Rules;
use crate::foundation::{Id, Result, id};
use ranking::text::{fold, normalised, stem, words};

/// So many of the most popular items are looked through for names.
const LOOKED_THROUGH: usize = 200;
/// At most so many genres; titles and people fill the rest.
const GENRES: usize = 2;

/// A suggestion with what orders it.
struct Ranked {
    suggestion: Suggestion,
    /// It begins with what was typed.
    begins: bool,
    popularity: f32,
}

/// Titles, people and genres that begin with what was `typed` or have words that do, typing errors
/// allowed: at most two genres first, then titles and people; what begins with all that was typed
/// before what has it elsewhere, the more popular first.
///
/// # Errors
/// When the index cannot be read.
pub(super) fn suggest(
    search_index: &SearchIndex,
    catalogue: &Catalogue,
    context: &LexicalContext<'_>,
    typed: &str,
    most: usize,
    day: NaiveDate,
) -> Result<Vec<Suggestion>> {
    let wanted = LexicalQuery {
        text: typed.to_owned(),
        open: true,
    };
    let lexical = search_index.lexical();
    let (titles, people, genres) = (
        lexical.titles(&wanted, context)?,
        lexical.people(&wanted, context)?,
        lexical.labels(&wanted, context)?,
    );
    let start = fold(&normalised(typed));
    let many = words(typed).len();
    let popularity = search_index.signals().popularity;
    let mut found = Vec::new();
    for (slot, entry) in popular(
        catalogue,
        &popularity,
        &titles,
        day,
        most.max(LOOKED_THROUGH),
    ) {
        found.push(Ranked {
            suggestion: Suggestion::Title(entry.id, entry.title.to_string()),
            begins: fold(&normalised(&entry.title)).starts_with(&start),
            popularity: popularity.of(slot),
        });
    }
    // People by all of their items that are popular.
    let mut met: FxHashMap<_, Option<usize>> = FxHashMap::default();
    let names = search_index.names();
    for (slot, entry) in popular(catalogue, &popularity, &people, day, LOOKED_THROUGH) {
        for person in &entry.people {
            match met.get(person) {
                Some(Some(index)) => {
                    let ranked: &mut Ranked = &mut found[*index];
                    ranked.popularity += popularity.of(slot);
                    continue;
                }
                Some(None) => continue,
                None => {}
            }
            let known = met.entry(*person).or_default();
            // The strings of people are those of their ids.
            let Ok(id) = uuid::Uuid::parse_str(catalogue.strings().name(*person)) else {
                continue;
            };
            let person: Id<id::Person> = id.into();
            // Names are found by their words as they are written: no stem stands for one.
            let said = |name: &&PersonName| {
                let said = name.words().filter(|word| people.words.contains(*word));
                said.count() >= many.max(1)
            };
            if let Some(name) = names.get(&person).filter(said) {
                *known = Some(found.len());
                found.push(Ranked {
                    // Family names are as good as given ones.
                    begins: name.begins(&start),
                    suggestion: Suggestion::Person(person, name.name.to_string()),
                    popularity: popularity.of(slot),
                });
            }
        }
    }
    drop(names);
    found.sort_by(|a, b| {
        b.begins
            .cmp(&a.begins)
            .then(b.popularity.total_cmp(&a.popularity))
    });
    let mut suggestions = genres_among(catalogue, &popularity, &genres, many, day);
    suggestions.truncate(GENRES);
    suggestions.extend(found.into_iter().map(|ranked| ranked.suggestion));
    suggestions.truncate(most);
    Ok(suggestions)
}

/// The most popular items that were found and may be shown, the most popular first.
fn popular<'a>(
    catalogue: &'a Catalogue,
    popularity: &PopularityTable,
    found: &LexicalMatches,
    day: NaiveDate,
    most: usize,
) -> impl Iterator<Item = (u32, &'a IndexedItem)> + use<'a> {
    let rules = Rules::on(day).within(catalogue);
    let offered = |slot: &u32| rules.is_eligible(*slot);
    let mut slots: Vec<u32> = found
        .hits
        .iter()
        .map(|hit| hit.slot)
        .filter(offered)
        .collect();
    let order = |a: &u32, b: &u32| popularity.order(catalogue, *a, *b);
    if slots.len() > most {
        slots.select_nth_unstable_by(most, order);
        slots.truncate(most);
    }
    slots.sort_unstable_by(order);
    slots
        .into_iter()
        .filter_map(|slot| Some((slot, catalogue.entry(slot)?)))
}

/// The genres that say what was typed, the most frequent among the popular items first.
fn genres_among(
    catalogue: &Catalogue,
    popularity: &PopularityTable,
    found: &LexicalMatches,
    many: usize,
    day: NaiveDate,
) -> Vec<Suggestion> {
    let mut counts: FxHashMap<_, usize> = FxHashMap::default();
    for (_, entry) in popular(catalogue, popularity, found, day, LOOKED_THROUGH) {
        for genre in &entry.genres {
            *counts.entry(*genre).or_default() += 1;
        }
    }
    let name = |string| catalogue.strings().name(string);
    let counts = counts
        .into_iter()
        .filter(|(genre, _)| says(name(*genre), found, many));
    let mut counts: Vec<_> = counts.collect();
    counts.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| name(a.0).cmp(name(b.0))));
    let genres = counts
        .into_iter()
        .map(|(genre, _)| Suggestion::Genre(name(genre).to_owned()));
    genres.collect()
}

/// Whether a name has as many of the words that were found as were typed.
fn says(name: &str, found: &LexicalMatches, many: usize) -> bool {
    let said = words(name).into_iter().filter(|word| {
        found.words.contains(&word.folded) || found.stems.contains(&stem(&word.folded))
    });
    said.count() >= many.max(1)
}
