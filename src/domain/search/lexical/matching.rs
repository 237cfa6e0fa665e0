//! Query expansion and matching: from the words of a query to the items that contain them.
//!
//! Each word is an alternative of terms: itself, its stem, the longer words it begins if it is the
//! last one, and, if no item says it, the nearest words by typing errors. The best field counts for
//! a word, a tenth of the others is added (disjunction max), and the words add up.
//!
//! How many words must be there: all of one or two, two thirds of more, rounded up; function words
//! never. A query that finds nothing so is tried again with typing errors in every word, and then
//! with any one word.

use rustc_hash::{FxHashMap, FxHashSet};
use tantivy::query::{
    BooleanQuery, BoostQuery, DisjunctionMaxQuery, Occur, PhraseQuery, Query, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{Searcher, Term};

use super::fields::{Fields, boosts};
use super::vocabulary::{PrefixCache, corrections, is_known};
use super::{LexicalHit, frequency, hits};
use ranking::text::{fold, is_function_word, normalised, stem, words};

/// Words behind these are not looked at.
const MOST_WORDS: usize = 24;
/// How much the weaker fields of a word add to its best one.
const TIE: f32 = 0.1;
/// A word that begins others without being one itself has at least so many letters.
const LEAST_PREFIX: usize = 3;

/// A lexical query.
#[derive(Clone, Debug)]
pub struct LexicalQuery {
    /// The query as it was typed.
    pub text: String,
    /// Whether the last word may be a prefix.
    pub open: bool,
}

/// How leniently words were matched until something was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MatchMode {
    /// Known words exactly, unknown ones with typing errors.
    #[default]
    Plain,
    /// Typing errors in every word.
    Typos,
    /// Any one word.
    AnyWord,
}

/// The result of a lexical query.
#[derive(Clone, Debug, Default)]
pub struct LexicalMatches {
    /// The items, in no order.
    pub hits: Vec<LexicalHit>,
    /// The folded words that count as those of the query.
    pub words: FxHashSet<String>,
    /// The stems that count as those of the query.
    pub stems: FxHashSet<String>,
    /// The query with corrected spelling, if an unknown word could be corrected.
    pub corrected: Option<String>,
    /// How leniently words were matched.
    pub match_mode: MatchMode,
}

/// The terms that one word of the query matches.
struct TermAlternatives {
    terms: FxHashMap<Term, f32>,
    function: bool,
}

pub(super) fn find(
    searcher: &Searcher,
    fields: &Fields,
    prefixes: &PrefixCache,
    wanted: &LexicalQuery,
) -> tantivy::Result<LexicalMatches> {
    let all = [&fields.exact()[..], &fields.stems()[..]].concat();
    Matching {
        searcher,
        fields,
        prefixes,
        among: all,
        dictionary: vec![fields.vocabulary],
        least_prefix: LEAST_PREFIX,
        scored: true,
        wanted,
        found: LexicalMatches::default(),
    }
    .find()
}

/// The same in these fields alone, as they were written, from the first letter on, and without
/// scores.
pub(super) fn find_in(
    searcher: &Searcher,
    fields: &Fields,
    prefixes: &PrefixCache,
    only: &[Field],
    wanted: &LexicalQuery,
) -> tantivy::Result<LexicalMatches> {
    Matching {
        searcher,
        fields,
        prefixes,
        among: only.iter().map(|field| (*field, 1.0)).collect(),
        dictionary: only.to_vec(),
        least_prefix: 1,
        scored: false,
        wanted,
        found: LexicalMatches::default(),
    }
    .find()
}

struct Matching<'a> {
    searcher: &'a Searcher,
    fields: &'a Fields,
    prefixes: &'a PrefixCache,
    /// Where words are looked for, and what each field counts.
    among: Vec<(Field, f32)>,
    /// Whose words can be typed wrong or in part.
    dictionary: Vec<Field>,
    /// From how many letters on a word that is one itself also begins others.
    least_prefix: usize,
    /// Whether it matters how well an item says the words.
    scored: bool,
    wanted: &'a LexicalQuery,
    found: LexicalMatches,
}

impl Matching<'_> {
    fn find(mut self) -> tantivy::Result<LexicalMatches> {
        let plain = self.alternatives(false)?;
        if plain.is_empty() {
            return Ok(self.found);
        }
        let (content, needed) = needed(&plain);
        self.found.hits = self.hits(&plain, needed)?;
        if !self.found.hits.is_empty() {
            return Ok(self.found);
        }
        let typos = self.alternatives(true)?;
        self.found.match_mode = MatchMode::Typos;
        self.found.hits = self.hits(&typos, needed)?;
        if self.found.hits.is_empty() && content > 1 {
            self.found.match_mode = MatchMode::AnyWord;
            self.found.hits = self.hits(&typos, 1)?;
        }
        Ok(self.found)
    }

    /// What stands for each word of the query that the index can say anything of.
    fn alternatives(&mut self, typos: bool) -> tantivy::Result<Vec<TermAlternatives>> {
        let text = &self.wanted.text;
        let mut typed = words(text);
        typed.truncate(MOST_WORDS);
        let only_function = typed.iter().all(|word| is_function_word(&word.folded));
        let last = typed.len().saturating_sub(1);
        let mut all = Vec::with_capacity(typed.len());
        let mut corrected = String::new();
        let mut read = 0;
        for (index, word) in typed.iter().enumerate() {
            let open = self.wanted.open && index == last && word.at.end == text.len();
            let function = is_function_word(&word.folded) && !only_function && !open;
            let (terms, right) = self.terms(&word.folded, open, typos && !function)?;
            if let Some(right) = right {
                corrected.push_str(&text[read..word.at.start]);
                corrected.push_str(&right);
                read = word.at.end;
            }
            if !terms.is_empty() {
                all.push(TermAlternatives { terms, function });
            }
        }
        if read > 0 && !typos {
            corrected.push_str(&text[read..]);
            self.found.corrected = Some(corrected);
        }
        Ok(all)
    }

    /// The terms for one word, each with its weight; and the word put right, if no item says it.
    fn terms(
        &mut self,
        word: &str,
        open: bool,
        typos: bool,
    ) -> tantivy::Result<(FxHashMap<Term, f32>, Option<String>)> {
        let mut terms = FxHashMap::default();
        self.stand_for(word, 1.0, &mut terms)?;
        let (searcher, dictionary) = (self.searcher, self.dictionary.clone());
        let known = !terms.is_empty() || is_known(searcher, &dictionary, word)?;
        if open && (!known || word.chars().count() >= self.least_prefix) {
            for longer in self.prefixes.of(searcher, &dictionary, word)?.iter() {
                self.stand_for(longer, boosts::PREFIX, &mut terms)?;
            }
        }
        let mut right = None;
        if terms.is_empty() || typos {
            let unknown = terms.is_empty();
            let mut near = corrections(searcher, &dictionary, word, false)?;
            if near.is_empty() && open {
                near = corrections(searcher, &dictionary, word, true)?;
            } else if unknown {
                right = near.first().cloned();
            }
            for word in near {
                self.stand_for(&word, boosts::TYPO, &mut terms)?;
            }
        }
        Ok((terms, right))
    }

    /// Adds the terms of `word` and of its stem that the index has.
    fn stand_for(
        &mut self,
        word: &str,
        weight: f32,
        terms: &mut FxHashMap<Term, f32>,
    ) -> tantivy::Result<()> {
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
            let known = terms.entry(term).or_default();
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

    fn hits(&self, words: &[TermAlternatives], needed: usize) -> tantivy::Result<Vec<LexicalHit>> {
        let any = |alternatives: &TermAlternatives| -> Box<dyn Query> {
            let mut terms: Vec<_> = alternatives.terms.iter().collect();
            // One order for the sums of scores, whatever that of the map.
            terms.sort_unstable_by(|a, b| a.0.cmp(b.0));
            let each = terms.into_iter().map(|(term, weight)| -> Box<dyn Query> {
                let term = TermQuery::new(term.clone(), IndexRecordOption::WithFreqs);
                Box::new(BoostQuery::new(Box::new(term), *weight))
            });
            Box::new(DisjunctionMaxQuery::with_tie_breaker(each.collect(), TIE))
        };
        let content = words.iter().filter(|word| !word.function).map(any);
        let content: Vec<_> = content.collect();
        if content.is_empty() {
            return Ok(Vec::new());
        }
        let needed: Box<dyn Query> = if needed >= content.len() {
            Box::new(BooleanQuery::intersection(content))
        } else {
            Box::new(BooleanQuery::union_with_minimum_required_clauses(
                content, needed,
            ))
        };
        if !self.scored {
            return hits(self.searcher, &*needed, false);
        }
        let mut clauses = vec![(Occur::Must, needed)];
        let function = words.iter().filter(|word| word.function).map(any);
        clauses.extend(function.map(|query| (Occur::Should, query)));
        clauses.extend(
            self.bonuses()
                .into_iter()
                .map(|query| (Occur::Should, query)),
        );
        hits(self.searcher, &BooleanQuery::new(clauses), true)
    }

    /// What counts on top: the query is the whole title, or stands in it word by word.
    fn bonuses(&self) -> Vec<Box<dyn Query>> {
        let mut bonuses: Vec<Box<dyn Query>> = Vec::new();
        let whole = fold(&normalised(&self.wanted.text));
        let whole = Term::from_field_text(self.fields.whole, &whole);
        let whole = TermQuery::new(whole, IndexRecordOption::Basic);
        bonuses.push(Box::new(BoostQuery::new(
            Box::new(whole),
            boosts::WHOLE_TITLE,
        )));
        let typed = words(&self.wanted.text);
        if (2..=MOST_WORDS).contains(&typed.len()) {
            let terms = typed.iter();
            let terms = terms.map(|word| Term::from_field_text(self.fields.title, &word.folded));
            let phrase = PhraseQuery::new(terms.collect());
            bonuses.push(Box::new(BoostQuery::new(Box::new(phrase), boosts::PHRASE)));
        }
        bonuses
    }
}

/// How many words of the query say something, and how many of them an item must say.
fn needed(words: &[TermAlternatives]) -> (usize, usize) {
    let content = words.iter().filter(|word| !word.function).count();
    let needed = if content <= 2 {
        content
    } else {
        (2 * content).div_ceil(3)
    };
    (content, needed)
}
