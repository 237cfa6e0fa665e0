//! What the words of a query mean in a catalogue: years, decades, languages, kinds, synonyms, and requests
//! for what is like an item.

mod concepts;
mod like;
mod synonyms;

pub(super) use like::likeness;
pub use synonyms::Synonyms;

use std::ops::Range;

use crate::domain::content::ContentKind;
use ranking::text::{Word, words};

/// Words behind these are not looked at.
pub(super) const MOST_WORDS: usize = 24;

/// What a word or some words of a query stand for, beside themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Concept {
    /// The year of an item.
    Year(i32),
    /// The first year of ten.
    Decade(i32),
    /// The language of an item, an ISO 639-1 code.
    Language(&'static str),
    /// The kind of an item.
    Kind(ContentKind),
    /// Other words for the same.
    Synonym(String),
}

/// One or several words of a query that are looked for together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryPart {
    /// Which of the words of the query.
    pub words: Range<usize>,
    /// What they stand for beside themselves.
    pub concepts: Vec<Concept>,
}

/// A query as words and what they mean.
#[derive(Clone, Debug, Default)]
pub struct Interpretation {
    /// Its first 24 words.
    pub words: Vec<Word>,
    /// All words in order, each in one part.
    pub parts: Vec<QueryPart>,
}

impl Interpretation {
    /// Reads a query. Of several concepts that begin at a word the one of most words is taken.
    pub fn new(text: &str, synonyms: &Synonyms) -> Self {
        let mut found = words(text);
        found.truncate(MOST_WORDS);
        let folded: Vec<&str> = found.iter().map(|word| word.folded.as_str()).collect();
        let mut parts = Vec::new();
        let mut at = 0;
        while at < folded.len() {
            let rest = &folded[at..];
            let (mut length, mut concepts) = (1, Vec::new());
            for (many, found) in [concepts::read(rest), synonyms.read(rest)]
                .into_iter()
                .flatten()
            {
                if many > length || concepts.is_empty() {
                    (length, concepts) = (many, found);
                } else if many == length {
                    concepts.extend(found);
                }
            }
            if concepts.is_empty() {
                concepts = film_of(folded[at], synonyms);
            }
            parts.push(QueryPart {
                words: at..at + length,
                concepts,
            });
            at += length;
        }
        Self {
            words: found,
            parts,
        }
    }

    /// The title and the year of a query that ends with one: `heat 1995`. `text` is the query.
    pub(super) fn title_and_year<'a>(&self, text: &'a str) -> Option<(&'a str, i32)> {
        let last = self.parts.last().filter(|part| part.words.start > 0)?;
        let [Concept::Year(year)] = last.concepts[..] else {
            return None;
        };
        let start = self.words.get(last.words.start)?.at.start;
        Some((text[..start].trim_end_matches([' ', '(']), year))
    }

    /// The synonyms of all parts, for the text whose meaning is asked for.
    pub fn synonyms(&self) -> impl Iterator<Item = &str> {
        let concepts = self.parts.iter().flat_map(|part| &part.concepts);
        concepts.filter_map(|concept| match concept {
            Concept::Synonym(other) => Some(other.as_str()),
            _ => None,
        })
    }
}

/// What German compounds with a film at their end stand for: `Gangsterfilme` for films with gangsters.
fn film_of(word: &str, synonyms: &Synonyms) -> Vec<Concept> {
    const LEAST_SUBJECT: usize = 4;
    let mut ends = ["filmen", "filme", "film"].iter();
    let Some(subject) = ends.find_map(|end| word.strip_suffix(end)) else {
        return Vec::new();
    };
    if subject.chars().count() < LEAST_SUBJECT {
        return Vec::new();
    }
    // `Animationsfilm`
    let linked = subject.strip_suffix('s');
    let subjects = [subject].into_iter().chain(linked);
    let mut concepts: Vec<Concept> = subjects
        .clone()
        .filter_map(|subject| synonyms.read(&[subject]))
        .flat_map(|(_, found)| found)
        .collect();
    concepts.extend(subjects.map(|subject| Concept::Synonym(subject.to_owned())));
    concepts
}

#[cfg(test)]
mod tests;
