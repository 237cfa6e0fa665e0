//! Expansions of a word by the dictionary: prefixes and typing errors.

use std::sync::Arc;

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tantivy::query::FuzzyTermQuery;
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocSet, Searcher, SegmentReader, TERMINATED, Term};

use super::Offered;
use super::fields::{SLOT, reversed};
use ranking::text::is_number;

/// At most so many longer words for a beginning, the most frequent first.
const BEGINNINGS: usize = 50;
/// At most so many words for a typing error, the most frequent first.
const CORRECTIONS: usize = 10;

/// At most so many longer words for an ending, the most frequent first.
const ENDINGS: usize = 30;
/// Words of fewer letters are the ending of anything.
const LEAST_ENDING: usize = 4;
/// What stands before the ending has at least so many letters.
const LEAST_HEAD: usize = 3;
/// Where the ending is a word that items say, what stands before it must be one too, of so many letters.
const LEAST_KNOWN_HEAD: usize = 4;
/// What German puts between the parts of a compound.
const LINKS: [&str; 7] = ["s", "n", "en", "es", "er", "e", "ns"];

/// Words of fewer letters are taken at their word, unless the words beside them tell what was meant.
pub(super) const LEAST_CORRECTED: usize = 5;
/// From so many letters on a word may have two errors, and one in its first letter.
const LONG: usize = 9;

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
    generation: (u64, u64),
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
        offered: &Offered<'_>,
    ) -> tantivy::Result<Arc<[String]>> {
        if start.chars().nth(SHORT).is_some() {
            return Ok(beginning(searcher, fields, start, BEGINNINGS, offered)?.into());
        }
        let generation = (searcher.generation().generation_id(), offered.state);
        let name = (fields.to_vec(), start.to_owned());
        {
            let known = self.0.lock();
            if known.generation == generation
                && let Some(words) = known.words.get(&name)
            {
                return Ok(Arc::clone(words));
            }
        }
        let words: Arc<[String]> = beginning(searcher, fields, start, BEGINNINGS, offered)?.into();
        let mut known = self.0.lock();
        if known.generation.0 <= generation.0 && known.generation != generation {
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

/// How many typing errors a word may have: none in numbers and codes, 1 in words of up to 8 letters, 2 in longer
/// ones. Swapping two neighbours is one error.
fn errors_allowed(word: &str) -> u8 {
    if word.chars().any(char::is_numeric) {
        return 0;
    }
    match word.chars().count() {
        0..LEAST_CORRECTED => 0,
        LEAST_CORRECTED..LONG => 1,
        _ => 2,
    }
}

/// Whether any item on offer says this very word.
pub(super) fn is_known(
    searcher: &Searcher,
    fields: &[Field],
    word: &str,
    offered: &Offered<'_>,
) -> tantivy::Result<bool> {
    is_said(searcher, fields, word, offered)
}

/// The longer words that begin so.
fn beginning(
    searcher: &Searcher,
    fields: &[Field],
    start: &str,
    most: usize,
    offered: &Offered<'_>,
) -> tantivy::Result<Vec<String>> {
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
    most_frequent(searcher, fields, found, most, offered)
}

/// The compounds that end with `word`, the most frequent first. `known`: items say the word itself; then
/// what stands before it in a compound must be a word too (`bath` in `bathroom`, and not `brea` in `breaking`).
pub(super) fn compounds(
    searcher: &Searcher,
    reversed_field: Field,
    vocabulary: &[Field],
    word: &str,
    known: bool,
    offered: &Offered<'_>,
) -> tantivy::Result<Vec<String>> {
    let letters = word.chars().count();
    if letters < LEAST_ENDING || !word.chars().all(char::is_alphabetic) {
        return Ok(Vec::new());
    }
    let start = reversed(word);
    let found = beginning(searcher, &[reversed_field], &start, ENDINGS, offered)?;
    let mut kept = Vec::new();
    for compound in found.iter().map(|found| reversed(found)) {
        let head = &compound[..compound.len() - word.len()];
        let long_enough = head.chars().count() >= LEAST_HEAD;
        if long_enough && (!known || is_head(searcher, vocabulary, head, offered)?) {
            kept.push(compound);
        }
    }
    Ok(kept)
}

/// Whether items say the head of a compound as a word, without what links it.
fn is_head(
    searcher: &Searcher,
    vocabulary: &[Field],
    head: &str,
    offered: &Offered<'_>,
) -> tantivy::Result<bool> {
    let linked = LINKS.iter().filter_map(|link| head.strip_suffix(link));
    for word in [head].into_iter().chain(linked) {
        if word.chars().count() >= LEAST_KNOWN_HEAD && is_said(searcher, vocabulary, word, offered)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The nearest words that differ from `word` by as few typing errors as any does, at most by as
/// many as are likely. `open`: the word may go on behind what was typed. A word too short to be put right by
/// itself gets its neighbours where the caller looks at the words beside it: `by_context`.
pub(super) fn corrections(
    searcher: &Searcher,
    fields: &[Field],
    word: &str,
    open: bool,
    by_context: bool,
    offered: &Offered<'_>,
) -> tantivy::Result<Vec<String>> {
    let letters = word.chars().count();
    let in_context = by_context
        && letters + 1 == LEAST_CORRECTED
        && word.chars().all(char::is_alphabetic)
        && word.is_ascii();
    let allowed = if in_context { 1 } else { errors_allowed(word) };
    for errors in 1..=allowed {
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
                    Ok(near) if near != word && is_likely(word, near) => {
                        note(&mut found, near, stream.value().doc_freq);
                    }
                    _ => {}
                }
            }
        }
        let found = most_frequent(searcher, fields, found, CORRECTIONS, offered)?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// Whether `near` may have been meant by `word`: people get the first letter of a short word right, and
/// nobody means a number by a word.
fn is_likely(word: &str, near: &str) -> bool {
    let long = word.chars().count() >= LONG;
    (long || word.chars().next() == near.chars().next()) && !is_number(near)
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

/// The most frequent of these words that an item on offer says: one that only stands in what was
/// deleted, is hidden or may not be shown today is not told of.
fn most_frequent(
    searcher: &Searcher,
    fields: &[Field],
    found: FxHashMap<String, u32>,
    most: usize,
    offered: &Offered<'_>,
) -> tantivy::Result<Vec<String>> {
    let mut found: Vec<(String, u32)> = found.into_iter().collect();
    found.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let mut kept = Vec::new();
    for (word, _) in found {
        if kept.len() == most {
            break;
        }
        if is_said(searcher, fields, &word, offered)? {
            kept.push(word);
        }
    }
    Ok(kept)
}

fn is_said(
    searcher: &Searcher,
    fields: &[Field],
    word: &str,
    offered: &Offered<'_>,
) -> tantivy::Result<bool> {
    for (segment, field) in each(searcher, fields) {
        let index = segment.inverted_index(field)?;
        let term = Term::from_field_text(field, word);
        let Some(mut postings) = index.read_postings(&term, IndexRecordOption::Basic)? else {
            continue;
        };
        let slots = segment.fast_fields().u64(SLOT)?;
        let mut doc = postings.doc();
        while doc != TERMINATED {
            let slot = slots.first(doc).and_then(|slot| u32::try_from(slot).ok());
            if !segment.is_deleted(doc) && slot.is_some_and(|slot| (offered.is)(slot)) {
                return Ok(true);
            }
            doc = postings.advance();
        }
    }
    Ok(false)
}
