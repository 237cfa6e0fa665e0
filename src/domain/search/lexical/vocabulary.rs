//! Expansions of a word by the dictionary: prefixes and typing errors.

use std::sync::Arc;

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tantivy::query::FuzzyTermQuery;
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocSet, Searcher, SegmentReader, TERMINATED, Term};

use super::frequency;

/// At most so many longer words for a beginning, the most frequent first.
const BEGINNINGS: usize = 50;
/// At most so many words for a typing error, the most frequent first.
const CORRECTIONS: usize = 10;

/// Beginnings of so many letters are those of many words.
const SHORT: usize = 2;

/// What goes on behind a beginning. For the short ones, where that means to go through a good part
/// of the dictionary, it is found once for each state of the index: there are few of them, and
/// everybody types them first.
#[derive(Default)]
pub(super) struct PrefixCache(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// The state of the index that they are of.
    generation: u64,
    /// By the fields and the letters.
    words: FxHashMap<(Vec<Field>, String), Arc<[String]>>,
}

impl PrefixCache {
    /// The longer words that begin so, the most frequent first.
    pub(super) fn of(
        &self,
        searcher: &Searcher,
        fields: &[Field],
        start: &str,
    ) -> tantivy::Result<Arc<[String]>> {
        if start.chars().nth(SHORT).is_some() {
            return Ok(beginning(searcher, fields, start)?.into());
        }
        let generation = searcher.generation().generation_id();
        let name = (fields.to_vec(), start.to_owned());
        {
            let known = self.0.lock();
            if known.generation == generation
                && let Some(words) = known.words.get(&name)
            {
                return Ok(Arc::clone(words));
            }
        }
        let words: Arc<[String]> = beginning(searcher, fields, start)?.into();
        let mut known = self.0.lock();
        if known.generation < generation {
            *known = Known {
                generation,
                ..Known::default()
            };
        }
        // What begins nothing costs nothing, and there is no end of it.
        if known.generation == generation && !words.is_empty() {
            known.words.insert(name, Arc::clone(&words));
        }
        Ok(words)
    }
}

/// How many typing errors a word may have: none in up to 3 letters, 1 in up to 7, 2 in longer ones.
/// Swapping two neighbours is one error.
pub(super) fn errors_allowed(word: &str) -> u8 {
    match word.chars().count() {
        0..=3 => 0,
        4..=7 => 1,
        _ => 2,
    }
}

/// Whether any item says this very word, perhaps one deleted a moment ago.
pub(super) fn is_known(searcher: &Searcher, fields: &[Field], word: &str) -> tantivy::Result<bool> {
    for field in fields {
        if frequency(searcher, &Term::from_field_text(*field, word))? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The longer words that begin so.
fn beginning(searcher: &Searcher, fields: &[Field], start: &str) -> tantivy::Result<Vec<String>> {
    let mut found = FxHashMap::default();
    for (segment, field) in each(searcher, fields) {
        let index = segment.inverted_index(field)?;
        let mut stream = index.terms().range().ge(start).into_stream()?;
        while stream.advance() {
            let Ok(word) = std::str::from_utf8(stream.key()) else {
                continue;
            };
            if !word.starts_with(start) {
                break;
            }
            if word != start {
                note(&mut found, word, stream.value().doc_freq);
            }
        }
    }
    most_frequent(searcher, fields, found, BEGINNINGS)
}

/// The nearest words that differ from `word` by as few typing errors as any does, at most by as
/// many as are allowed. `open`: the word may go on behind what was typed.
pub(super) fn corrections(
    searcher: &Searcher,
    fields: &[Field],
    word: &str,
    open: bool,
) -> tantivy::Result<Vec<String>> {
    for errors in 1..=errors_allowed(word) {
        let Some(field) = fields.first() else {
            break;
        };
        let term = Term::from_field_text(*field, word);
        let query = if open {
            FuzzyTermQuery::new_prefix(term, errors, true)
        } else {
            FuzzyTermQuery::new(term, errors, true)
        };
        let mut found = FxHashMap::default();
        for (segment, field) in each(searcher, fields) {
            let index = segment.inverted_index(field)?;
            let mut stream = index.terms().search(query.automaton()?).into_stream()?;
            while stream.advance() {
                match std::str::from_utf8(stream.key()) {
                    Ok(near) if near != word => note(&mut found, near, stream.value().doc_freq),
                    _ => {}
                }
            }
        }
        let found = most_frequent(searcher, fields, found, CORRECTIONS)?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// Every segment with each of these fields.
fn each<'a>(
    searcher: &'a Searcher,
    fields: &'a [Field],
) -> impl Iterator<Item = (&'a SegmentReader, Field)> {
    let segments = searcher.segment_readers().iter();
    segments.flat_map(move |segment| fields.iter().map(move |field| (segment, *field)))
}

fn note(found: &mut FxHashMap<String, u32>, word: &str, times: u32) {
    match found.get_mut(word) {
        Some(known) => *known += times,
        None => {
            found.insert(word.to_owned(), times);
        }
    }
}

/// The most frequent of these words that an item still says: one that only stood in what was
/// deleted or hidden is not told of.
fn most_frequent(
    searcher: &Searcher,
    fields: &[Field],
    found: FxHashMap<String, u32>,
    most: usize,
) -> tantivy::Result<Vec<String>> {
    let mut found: Vec<(String, u32)> = found.into_iter().collect();
    found.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let mut kept = Vec::new();
    for (word, _) in found {
        if kept.len() == most {
            break;
        }
        if is_said(searcher, fields, &word)? {
            kept.push(word);
        }
    }
    Ok(kept)
}

fn is_said(searcher: &Searcher, fields: &[Field], word: &str) -> tantivy::Result<bool> {
    for (segment, field) in each(searcher, fields) {
        let index = segment.inverted_index(field)?;
        let term = Term::from_field_text(field, word);
        let Some(mut postings) = index.read_postings(&term, IndexRecordOption::Basic)? else {
            continue;
        };
        let mut doc = postings.doc();
        while doc != TERMINATED {
            if !segment.is_deleted(doc) {
                return Ok(true);
            }
            doc = postings.advance();
        }
    }
    Ok(false)
}
