//! Putting a word right that no item says, by the words beside it.

use tantivy::Term;
use tantivy::collector::Count;
use tantivy::query::{BooleanQuery, Query};

use super::fields::boosts;
use super::matching::{Clause, Matching, best_of, weighted};
use super::terms::Terms;
use super::vocabulary::{LEAST_CORRECTED, corrections};
use crate::domain::search::query::{Interpretation, QueryPart};

/// A word that no item says.
pub(super) struct Unknown {
    /// Its place among the parts of the query.
    pub index: usize,
    pub part: QueryPart,
    /// Whether it may go on behind what was typed.
    pub open: bool,
}

/// How often a word stands with the others of a query: beside them in a title, with all of them in one
/// field, with all of them in an item.
type Together = (usize, usize, usize);

impl Matching<'_> {
    /// The words that were meant by an unknown one, and the likeliest of them to tell people of.
    pub fn correct(
        &mut self,
        unknown: &Unknown,
        read: &Interpretation,
        clauses: &[Option<Clause>],
    ) -> tantivy::Result<Option<(Clause, Option<String>)>> {
        let at = unknown.part.words.start;
        let word = &read.words[at].folded;
        let (searcher, dictionary) = (self.searcher, self.dictionary.clone());
        let offered = &self.context.offered;
        let others: Vec<(usize, &Clause)> = clauses
            .iter()
            .enumerate()
            .filter_map(|(index, clause)| {
                let clause = clause
                    .as_ref()
                    .filter(|clause| !clause.function && !clause.weak)?;
                Some((index, clause))
            })
            .collect();
        let beside = self.whole && !others.is_empty();
        let mut near = corrections(searcher, &dictionary, word, false, beside, offered)?;
        let mut told = true;
        if near.is_empty() && unknown.open {
            near = corrections(searcher, &dictionary, word, true, false, offered)?;
            told = false;
        }
        if beside {
            let mut ranked: Vec<(Together, String)> = Vec::with_capacity(near.len());
            for word in near {
                ranked.push((self.together(&word, at, read, &others)?, word));
            }
            // Stable: the more frequent one first.
            ranked.sort_by_key(|b| std::cmp::Reverse(b.0));
            let best = ranked.first().map_or((0, 0, 0), |(together, _)| *together);
            let short = word.chars().count() < LEAST_CORRECTED;
            ranked.retain(|(together, _)| match best {
                (0, 0, 0) => !short,
                (0, 0, _) => !short && together.2 > 0,
                (0, _, _) => together.1 > 0,
                _ => together.0 > 0,
            });
            near = ranked.into_iter().map(|(_, word)| word).collect();
        }
        let right = near.first().cloned().filter(|_| told);
        let mut terms = Terms::default();
        for word in &near {
            self.stand_for(word, boosts::TYPO, &mut terms)?;
        }
        if terms.is_empty() {
            return Ok(None);
        }
        let clause = Clause {
            query: best_of(terms.queries()),
            function: false,
            weak: false,
        };
        Ok(Some((clause, right)))
    }

    fn together(
        &self,
        word: &str,
        at: usize,
        read: &Interpretation,
        others: &[(usize, &Clause)],
    ) -> tantivy::Result<Together> {
        let count = |query: &dyn Query| self.searcher.search(query, &Count);
        let folded = |at: usize| read.words.get(at).map(|word| word.folded.as_str());
        let mut beside = 0;
        if let Some(before) = at.checked_sub(1).and_then(folded) {
            beside += count(&self.phrase(&[before, word]))?;
        }
        if let Some(behind) = folded(at + 1) {
            beside += count(&self.phrase(&[word, behind]))?;
        }
        let parts = others.iter().map(|(index, _)| &read.parts[*index]);
        let words: Vec<&str> = parts
            .filter_map(|part| folded(part.words.start).filter(|_| part.words.len() == 1))
            .chain([word])
            .collect();
        let mut in_field = 0;
        for (field, _) in self.fields.exact() {
            let all = words
                .iter()
                .map(|word| weighted(Term::from_field_text(field, word), 1.0));
            let all = all.collect::<Vec<_>>();
            if all.len() > 1 {
                in_field += count(&BooleanQuery::intersection(all))?;
            }
        }
        let mut all: Vec<Box<dyn Query>> = others
            .iter()
            .map(|(_, clause)| clause.query.box_clone())
            .collect();
        all.push(weighted(
            Term::from_field_text(self.fields.vocabulary, word),
            1.0,
        ));
        let in_item = count(&BooleanQuery::intersection(all))?;
        Ok((beside, in_field, in_item))
    }
}

/// The text with these words in the place of its own, by their places among the words.
pub(super) fn put_right(
    text: &str,
    read: &Interpretation,
    right: &[(usize, String)],
) -> Option<String> {
    if right.is_empty() {
        return None;
    }
    let mut corrected = String::new();
    let mut at = 0;
    for (index, word) in right {
        let own = &read.words[*index].at;
        corrected.push_str(&text[at..own.start]);
        corrected.push_str(word);
        at = own.end;
    }
    corrected.push_str(&text[at..]);
    Some(corrected)
}
