//! The terms of one word: itself and its stem, the same number in other numerals, the longer words that it
//! begins or ends, and its two halves where it is two words typed as one.

use rustc_hash::{FxHashMap, FxHashSet};
use tantivy::Term;
use tantivy::collector::Count;
use tantivy::query::{BooleanQuery, PhraseQuery, Query};

use super::fields::{boosts, code_key};
use super::matching::{Matching, best_of, weighted};
use super::vocabulary::{compounds, is_known};
use super::{frequency, hits};
use ranking::text::{is_number, other_numeral, stem};

/// Beginnings of a query of several words have at least so many letters.
const LEAST_PREFIX_BESIDE_OTHERS: usize = 3;
/// Each half of two words typed as one has at least so many letters.
const LEAST_HALF: usize = 3;
/// Longer words are not taken apart.
const LONGEST_WHOLE: usize = 24;

/// Terms with what each counts, and what else a word matches.
#[derive(Default)]
pub(super) struct Terms {
    terms: FxHashMap<Term, f32>,
}

impl Terms {
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// A query for each term, in one order for the sums of scores, whatever that of the map.
    pub fn queries(&self) -> Vec<Box<dyn Query>> {
        let mut terms: Vec<_> = self.terms.iter().collect();
        terms.sort_unstable_by(|a, b| a.0.cmp(b.0));
        let queries = terms
            .into_iter()
            .map(|(term, weight)| weighted(term.clone(), *weight));
        queries.collect()
    }
}

impl Matching<'_> {
    /// The items that the whole query names by an id of another system.
    pub(super) fn codes(&self) -> tantivy::Result<FxHashSet<u32>> {
        let Some(key) = code_key(&self.wanted.text) else {
            return Ok(FxHashSet::default());
        };
        let code = weighted(Term::from_field_text(self.fields.codes, &key), 1.0);
        let named = hits(self.searcher, &*code, false)?;
        Ok(named.into_iter().map(|hit| hit.slot).collect())
    }

    /// What a word matches, typing errors aside; nothing for a word that no item on offer says. `beside`:
    /// there are other words in the query; `at`: its place among them.
    pub fn terms(
        &mut self,
        word: &str,
        open: bool,
        beside: bool,
        at: usize,
    ) -> tantivy::Result<Vec<Box<dyn Query>>> {
        let (searcher, dictionary) = (self.searcher, self.dictionary.clone());
        let offered = &self.context.offered;
        let mut terms = Terms::default();
        self.stand_for(word, 1.0, &mut terms)?;
        let said = is_known(searcher, &dictionary, word, offered)?;
        // A stem may be said by other forms of the word.
        let known = said || !terms.is_empty() && self.is_stem_offered(word)?;
        if !known {
            terms = Terms::default();
            self.found.words.remove(word);
        }
        if at > 0
            && let Some(other) = other_numeral(word)
        {
            self.stand_for(&other, 1.0, &mut terms)?;
        }
        let letters = word.chars().count();
        let long_enough = !beside || !self.whole || letters >= LEAST_PREFIX_BESIDE_OTHERS;
        if open && long_enough && (!known || letters >= self.least_prefix) {
            for longer in self
                .prefixes
                .of(searcher, &dictionary, word, offered)?
                .iter()
            {
                self.stand_for(longer, boosts::PREFIX, &mut terms)?;
            }
        }
        let mut queries = terms.queries();
        if self.whole {
            let reversed = self.fields.reversed;
            for longer in compounds(searcher, reversed, &dictionary, word, known, offered)? {
                let mut compound = Terms::default();
                self.stand_for(&longer, boosts::ENDING, &mut compound)?;
                queries.extend(compound.queries());
            }
            queries.extend(self.halves(word, known)?);
        }
        Ok(queries)
    }

    /// Whether an item on offer says a form of the word: hidden ones may be the only that do.
    fn is_stem_offered(&self, word: &str) -> tantivy::Result<bool> {
        if !self.whole {
            return Ok(false);
        }
        let fields = self.fields.stems().map(|(field, _)| field);
        is_known(self.searcher, &fields, &stem(word), &self.context.offered)
    }

    /// Two words typed as one: `ultraboost` for `Ultra Boost`, `iphone12` for `iPhone 12`. A word that items
    /// say is taken apart only where a title has its halves side by side.
    fn halves(&mut self, word: &str, known: bool) -> tantivy::Result<Option<Box<dyn Query>>> {
        let letters = word.chars().count();
        if letters > LONGEST_WHOLE || is_number(word) {
            return Ok(None);
        }
        let mut best: Option<(u64, &str, &str)> = None;
        for (at, letter) in word.char_indices().skip(1) {
            let (head, tail) = word.split_at(at);
            let counts =
                head.chars().next_back().is_some_and(char::is_numeric) != letter.is_numeric();
            let long = |half: &str| half.chars().count() >= LEAST_HALF;
            if !(counts || long(head) && long(tail)) {
                continue;
            }
            let offered = &self.context.offered;
            if !is_known(self.searcher, &self.dictionary, head, offered)?
                || !is_known(self.searcher, &self.dictionary, tail, offered)?
            {
                continue;
            }
            let count = self.searcher.search(&self.phrase(&[head, tail]), &Count)? as u64;
            let together = match (count, known) {
                (0, true) => 0,
                (0, false) => u64::from(self.both(head, tail)?),
                (count, _) => 1 + count,
            };
            if together > best.map_or(0, |(count, ..)| count) {
                best = Some((together, head, tail));
            }
        }
        let Some((_, head, tail)) = best else {
            return Ok(None);
        };
        let queries = self.side_by_side(&[head, tail], 1.0)?;
        Ok((!queries.is_empty()).then(|| best_of(queries)))
    }

    pub(super) fn phrase(&self, words: &[&str]) -> PhraseQuery {
        let terms = words
            .iter()
            .map(|word| Term::from_field_text(self.fields.title, word));
        PhraseQuery::new(terms.collect())
    }

    /// Whether an item says both words.
    fn both(&self, one: &str, other: &str) -> tantivy::Result<bool> {
        let said = |word| weighted(Term::from_field_text(self.fields.vocabulary, word), 1.0);
        let both = BooleanQuery::intersection(vec![said(one), said(other)]);
        Ok(self.searcher.search(&both, &Count)? > 0)
    }

    /// Adds the terms of `word` and of its stem that the index has.
    pub fn stand_for(&mut self, word: &str, weight: f32, terms: &mut Terms) -> tantivy::Result<()> {
        let root = stem(word);
        let stems = self.fields.stems().map(|(field, _)| field);
        let mut any = false;
        for (field, boost) in &self.among {
            let text = if stems.contains(field) { &root } else { word };
            let term = Term::from_field_text(*field, text);
            if frequency(self.searcher, &term)? == 0 {
                continue;
            }
            any = true;
            let known = terms.terms.entry(term).or_default();
            *known = known.max(boost * weight);
        }
        if any {
            self.found.words.insert(word.to_owned());
            if self.among.iter().any(|(field, _)| stems.contains(field)) {
                self.found.stems.insert(root);
            }
        }
        Ok(())
    }
}
