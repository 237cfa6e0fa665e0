//! From documents to terms, and from many documents to a vocabulary.

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::LsaSettings;
use super::tokenizer::{Word, words};

/// So many documents are read at a time.
pub(super) const BATCH: usize = 4096;

/// A name of more words than this is not looked for inside running text.
const LONGEST_NAME: usize = 5;

/// What a thing says about itself: its parts, in any order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
struct Part {
    text: String,
    weight: f32,
    /// For a name: what each of its words weighs beside the whole.
    words: Option<f32>,
}

impl Document {
    /// A document that says nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds running text: each occurrence of a word counts `weight`, a finite number above 0. A
    /// name that is known from [`Document::name`] of any document counts as well where the text
    /// has it, up to five words long.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>, weight: f32) -> Self {
        self.parts.push(Part {
            text: text.into(),
            weight,
            words: None,
        });
        self
    }

    /// Adds the name of one thing: a genre, a tag, a person. The whole counts `weight` and each of
    /// its words `words`, finite numbers of at least 0.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>, weight: f32, words: f32) -> Self {
        self.parts.push(Part {
            text: name.into(),
            weight,
            words: Some(words),
        });
        self
    }

    /// Hands each term to `found` with what it counts, as often as it occurs. `known` says which
    /// joined words are a name.
    fn terms(&self, known: impl Fn(&str) -> bool, mut found: impl FnMut(&str, f32)) {
        for part in &self.parts {
            let words = words(&part.text);
            let single = part.words.unwrap_or(part.weight);
            for word in words.iter().filter(|word| !word.common) {
                found(&word.stem, single);
            }
            match part.words {
                Some(single) => match words.as_slice() {
                    [] => {}
                    // The name is its only word, which has counted already.
                    [word] if !word.common => found(&word.stem, (part.weight - single).max(0.0)),
                    [_] => {}
                    words => found(&joined(words), part.weight),
                },
                None => names_within(&words, &known, |name| found(name, part.weight)),
            }
        }
    }

    /// The names of more than one word.
    fn long_names(&self) -> impl Iterator<Item = String> {
        let names = self.parts.iter().filter(|part| part.words.is_some());
        names
            .map(|part| words(&part.text))
            .filter(|words| words.len() > 1)
            .map(|words| joined(&words))
    }
}

fn joined(words: &[Word]) -> String {
    let stems: Vec<&str> = words.iter().map(|word| word.stem.as_str()).collect();
    stems.join(" ")
}

fn names_within(words: &[Word], known: impl Fn(&str) -> bool, mut found: impl FnMut(&str)) {
    let mut name = String::new();
    for start in 0..words.len() {
        name.clear();
        for (length, word) in words[start..].iter().take(LONGEST_NAME).enumerate() {
            if length > 0 {
                name.push(' ');
            }
            name.push_str(&word.stem);
            if length > 0 && known(&name) {
                found(&name);
            }
        }
    }
}

/// The terms that a model knows, and how much each tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Vocabulary {
    /// Stems and names; a name has spaces.
    pub(super) terms: Vec<Box<str>>,
    pub(super) indices: FxHashMap<Box<str>, u32>,
    /// The inverse document frequency of each term, above 0.
    pub(super) rarity: Vec<f32>,
}

impl Vocabulary {
    pub(super) fn new(terms: Vec<Box<str>>, rarity: Vec<f32>) -> Self {
        let indices = terms.iter().cloned().zip(0..).collect();
        Self {
            terms,
            indices,
            rarity,
        }
    }

    /// The terms of `document` by their place, with what they weigh: `ln(1 + count) · rarity`.
    pub(super) fn read(&self, document: &Document) -> Vec<(u32, f32)> {
        let mut counts: FxHashMap<u32, f32> = FxHashMap::default();
        let known = |name: &str| self.indices.contains_key(name);
        document.terms(known, |term, count| {
            if let Some(index) = self.indices.get(term) {
                *counts.entry(*index).or_default() += count;
            }
        });
        let mut read: Vec<(u32, f32)> = counts
            .into_iter()
            .map(|(index, count)| (index, count.ln_1p() * self.rarity[index as usize]))
            .filter(|(_, weight)| weight.is_finite() && *weight > 0.0)
            .collect();
        read.sort_unstable_by_key(|(index, _)| *index);
        read
    }
}

/// Finds the terms that enough and not too many documents have. `tick` hears of each batch.
pub(super) fn learn(
    documents: &[Document],
    settings: &LsaSettings,
    mut tick: impl FnMut() -> std::ops::ControlFlow<()>,
) -> Option<Vocabulary> {
    let least = if documents.len() < 100 {
        1
    } else {
        settings.least_documents
    };
    let mut names: FxHashMap<String, u32> = FxHashMap::default();
    for batch in documents.chunks(BATCH) {
        count(&mut names, batch, |document| {
            document.long_names().collect::<FxHashSet<_>>()
        });
        if tick().is_break() {
            return None;
        }
    }
    names.retain(|_, documents| *documents >= least);
    let mut counts: FxHashMap<String, u32> = FxHashMap::default();
    for batch in documents.chunks(BATCH) {
        count(&mut counts, batch, |document| {
            let mut terms = FxHashSet::default();
            let known = |name: &str| names.contains_key(name);
            document.terms(known, |term, count| {
                if count > 0.0 && !terms.contains(term) {
                    terms.insert(term.to_owned());
                }
            });
            terms
        });
        if tick().is_break() {
            return None;
        }
    }
    let all = documents.len() as f32;
    // In a handful of documents a term in all of them is no sign that it says nothing.
    let most = if documents.len() < 20 {
        all
    } else {
        settings.largest_share * all
    };
    let mut kept: Vec<(String, u32)> = counts
        .into_iter()
        .filter(|(_, documents)| *documents >= least && *documents as f32 <= most)
        .collect();
    kept.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    kept.truncate(settings.vocabulary);
    let rarity = kept
        .iter()
        .map(|(_, documents)| (1.0 + all / *documents as f32).ln())
        .collect();
    let terms = kept.into_iter().map(|(term, _)| term.into_boxed_str());
    Some(Vocabulary::new(terms.collect(), rarity))
}

/// Counts in how many documents of `batch` each text occurs.
fn count(
    counts: &mut FxHashMap<String, u32>,
    batch: &[Document],
    texts: impl Fn(&Document) -> FxHashSet<String> + Sync + Send,
) {
    let found: Vec<FxHashSet<String>> = batch.par_iter().map(texts).collect();
    for text in found.into_iter().flatten() {
        *counts.entry(text).or_default() += 1;
    }
}
