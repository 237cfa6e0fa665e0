//! Matching: from a query to the items that contain its words, or what its words mean.
//!
//! Each part of the query is a clause: the terms of a word (see [`super::terms`]), or the words of a term
//! side by side; with it the facts and synonyms that it stands for. The best alternative of a clause counts,
//! a tenth of the others is added (disjunction max), and the clauses add up.
//!
//! Items with all clauses come first. Where few have all, items with two thirds of three or more clauses
//! (rounded up) fill up; where no item has so many, those with any. Function words are never needed.

use rustc_hash::FxHashSet;
use tantivy::query::{
    BooleanQuery, BoostQuery, DisjunctionMaxQuery, Occur, PhraseQuery, Query, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{Searcher, Term};

use super::corrections::{Unknown, put_right};
use super::fields::{Fields, boosts, decade_fact, kind_fact, language_fact, title_keys, year_fact};
use super::vocabulary::PrefixCache;
use super::{LexicalContext, LexicalHit, frequency, hits};
use crate::domain::search::query::{Concept, Interpretation, QueryPart};
use ranking::text::is_function_word_of;

/// How much the weaker fields of a word add to its best one.
const TIE: f32 = 0.1;
/// Where fewer items have all words, items with some of them fill up.
const FEW: usize = 50;

/// Words that people wrap around what they look for.
const FILLERS: [&str; 27] = [
    "best",
    "good",
    "great",
    "famous",
    "starring",
    "featuring",
    "directed",
    "recommend",
    "please",
    "early",
    "mid",
    "late",
    "beste",
    "besten",
    "bester",
    "gute",
    "guter",
    "gutes",
    "meilleur",
    "meilleurs",
    "meilleure",
    "meilleures",
    "mejor",
    "mejores",
    "buena",
    "buenas",
    "dirigida",
];

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
    /// All words, or most of them.
    #[default]
    Plain,
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
    /// Other words for those of the query.
    pub synonyms: Vec<String>,
    /// The slots of the items that the query names by an id of another system.
    pub codes: FxHashSet<u32>,
}

/// What one part of the query matches.
pub(super) struct Clause {
    pub query: Box<dyn Query>,
    /// The part helps and is not needed.
    pub function: bool,
    /// The part says of what kind items are, which too many are to be found by it alone.
    pub weak: bool,
}

pub(super) struct Matching<'a> {
    pub searcher: &'a Searcher,
    pub fields: &'a Fields,
    pub prefixes: &'a PrefixCache,
    pub context: &'a LexicalContext<'a>,
    /// Where words are looked for, and what each field counts.
    pub among: Vec<(Field, f32)>,
    /// Whose words can be typed wrong or in part.
    pub dictionary: Vec<Field>,
    /// From how many letters on a word that is one itself also begins others.
    pub least_prefix: usize,
    /// Whether the whole item is searched, and its score matters.
    pub whole: bool,
    pub wanted: &'a LexicalQuery,
    pub found: LexicalMatches,
}

impl Matching<'_> {
    pub fn find(mut self) -> tantivy::Result<LexicalMatches> {
        if self.whole {
            self.found.codes = self.codes()?;
        }
        let read = self.interpretation();
        self.found.synonyms = read.synonyms().map(str::to_owned).collect();
        let (clauses, complete) = self.clauses(&read)?;
        let content: Vec<&Clause> = clauses.iter().filter(|clause| !clause.function).collect();
        if content.is_empty() || !complete && content.iter().all(|clause| clause.weak) {
            return Ok(self.found);
        }
        let mut all = self.hits(&clauses, &content, content.len(), &read)?;
        for hit in &mut all {
            hit.all_words = complete;
        }
        self.found.hits = all;
        if !self.whole {
            if self.found.hits.is_empty() && content.len() > 1 {
                self.found.hits = self.hits(&clauses, &content, 1, &read)?;
            }
            return Ok(self.found);
        }
        if content.len() > 2 && self.found.hits.len() < FEW {
            let most = (2 * content.len()).div_ceil(3);
            self.fill(self.hits(&clauses, &content, most, &read)?);
        }
        if self.found.hits.is_empty() && content.len() > 1 {
            let strong: Vec<&Clause> = content.into_iter().filter(|clause| !clause.weak).collect();
            self.found.match_mode = MatchMode::AnyWord;
            self.fill(self.hits(&clauses, &strong, 1, &read)?);
        }
        Ok(self.found)
    }

    /// Adds the hits that are not there yet.
    fn fill(&mut self, more: Vec<LexicalHit>) {
        let there: FxHashSet<u32> = self.found.hits.iter().map(|hit| hit.slot).collect();
        let new = more.into_iter().filter(|hit| !there.contains(&hit.slot));
        self.found.hits.extend(new);
    }

    fn interpretation(&self) -> Interpretation {
        let read = Interpretation::new(&self.wanted.text, self.context.synonyms);
        if self.whole {
            return self.with_terms(read);
        }
        // In titles and names words are words.
        let part = |at| QueryPart {
            words: at..at + 1,
            concepts: Vec::new(),
        };
        Interpretation {
            parts: (0..read.words.len()).map(part).collect(),
            ..read
        }
    }

    /// Puts words together that some item has as one: `ultra boost` where there is an `Ultraboost`, and the
    /// words of a label (`time travel`).
    fn with_terms(&self, mut read: Interpretation) -> Interpretation {
        let mut parts: Vec<QueryPart> = Vec::with_capacity(read.parts.len());
        let mut rest = read.parts.into_iter().peekable();
        while let Some(mut part) = rest.next() {
            while part.concepts.is_empty()
                && let Some(next) = rest.peek().filter(|next| next.concepts.is_empty())
                && self.is_term(&read.words, part.words.start..next.words.end)
            {
                part.words.end = next.words.end;
                rest.next();
            }
            parts.push(part);
        }
        read.parts = parts;
        read
    }

    fn is_term(&self, all: &[ranking::text::Word], of: std::ops::Range<usize>) -> bool {
        let words = &all[of];
        if words.iter().any(|word| self.is_function(&word.folded)) {
            return false;
        }
        let joined: String = words.iter().map(|word| word.folded.as_str()).collect();
        let mut fields = self.fields.exact().into_iter();
        fields.any(|(field, _)| {
            frequency(self.searcher, &Term::from_field_text(field, &joined))
                .is_ok_and(|found| found > 0)
        })
    }

    fn is_function(&self, folded: &str) -> bool {
        let mut languages = self.context.languages.iter();
        ranking::text::is_function_word(folded)
            || languages.any(|language| is_function_word_of(folded, language))
            || self.whole && FILLERS.contains(&folded)
    }

    /// The clauses of the query that the index can say anything of, and whether these are all of what is
    /// needed.
    fn clauses(&mut self, read: &Interpretation) -> tantivy::Result<(Vec<Clause>, bool)> {
        let text = &self.wanted.text;
        let only_function = read.words.iter().all(|word| self.is_function(&word.folded));
        let last = read.words.len().saturating_sub(1);
        let mut clauses: Vec<Option<Clause>> = Vec::with_capacity(read.parts.len());
        let mut unknown: Vec<Unknown> = Vec::new();
        for (index, part) in read.parts.iter().enumerate() {
            let own = &read.words[part.words.clone()];
            let ends =
                part.words.end > last && own.last().is_some_and(|word| word.at.end == text.len());
            let open = self.wanted.open && ends;
            let function = own.iter().all(|word| self.is_function(&word.folded))
                && part.concepts.is_empty()
                && !only_function
                && !(open && own.iter().all(|word| word.folded.len() <= 3));
            let mut queries = self.meant(&part.concepts)?;
            let (facts, weak) = (!queries.is_empty(), only_kinds(&part.concepts));
            match own {
                [word] => {
                    // A word that stands for something is a word, whatever items say.
                    let wanted = part.concepts.is_empty() && !function;
                    let open = open && !facts;
                    let folded = &word.folded;
                    let terms = self.terms(folded, open, read.words.len() > 1, part.words.start)?;
                    if terms.is_empty() && wanted {
                        unknown.push(Unknown {
                            index,
                            part: part.clone(),
                            open,
                        });
                    }
                    queries.extend(terms);
                }
                several => {
                    let folded: Vec<&str> = several.iter().map(|word| &*word.folded).collect();
                    queries.extend(self.side_by_side(&folded, 1.0)?);
                }
            }
            clauses.push((!queries.is_empty()).then(|| Clause {
                query: best_of(queries),
                function,
                weak,
            }));
        }
        let mut right = Vec::new();
        for word in unknown {
            if let Some((clause, corrected)) = self.correct(&word, read, &clauses)? {
                right.extend(corrected.map(|corrected| (word.part.words.start, corrected)));
                clauses[word.index] = Some(clause);
            }
        }
        self.found.corrected = put_right(text, read, &right);
        let complete = clauses.iter().zip(&read.parts).all(|(clause, part)| {
            let own = &read.words[part.words.clone()];
            clause.is_some() || own.iter().all(|word| self.is_function(&word.folded))
        });
        Ok((clauses.into_iter().flatten().collect(), complete))
    }

    /// What the concepts of a part match.
    fn meant(&mut self, concepts: &[Concept]) -> tantivy::Result<Vec<Box<dyn Query>>> {
        let mut queries = Vec::new();
        for concept in concepts {
            let fact = match concept {
                Concept::Year(year) => year_fact(*year),
                Concept::Decade(year) => decade_fact(*year),
                Concept::Language(code) => language_fact(code),
                Concept::Kind(kind) => kind_fact(*kind),
                Concept::Synonym(other) => {
                    queries.extend(self.synonym(other)?);
                    continue;
                }
            };
            let term = Term::from_field_text(self.fields.facts, &fact);
            if frequency(self.searcher, &term)? > 0 {
                queries.push(weighted(term, boosts::FACT));
            }
        }
        Ok(queries)
    }

    fn synonym(&mut self, other: &str) -> tantivy::Result<Vec<Box<dyn Query>>> {
        let words: Vec<&str> = other.split(' ').collect();
        match words.as_slice() {
            [word] => {
                let mut terms = super::terms::Terms::default();
                self.stand_for(word, boosts::SYNONYM, &mut terms)?;
                Ok(terms.queries())
            }
            several => self.side_by_side(several, boosts::SYNONYM),
        }
    }

    /// Several words as one label, side by side in the title, or each somewhere.
    pub fn side_by_side(
        &mut self,
        words: &[&str],
        weight: f32,
    ) -> tantivy::Result<Vec<Box<dyn Query>>> {
        let mut queries = Vec::new();
        let joined = words.concat();
        for (field, boost) in self.among.clone() {
            let term = Term::from_field_text(field, &joined);
            if frequency(self.searcher, &term)? > 0 {
                // It stands for each of the words.
                queries.push(weighted(term, boost * weight * words.len() as f32));
                self.found.words.insert(joined.clone());
            }
        }
        let mut each = Vec::new();
        for word in words {
            let mut terms = super::terms::Terms::default();
            self.stand_for(word, weight * boosts::APART, &mut terms)?;
            if terms.is_empty() {
                return Ok(queries);
            }
            each.push(best_of(terms.queries()));
        }
        queries.push(Box::new(BooleanQuery::intersection(each)));
        let in_title = words
            .iter()
            .map(|word| Term::from_field_text(self.fields.title, word));
        let phrase = PhraseQuery::new(in_title.collect());
        queries.push(Box::new(BoostQuery::new(
            Box::new(phrase),
            boosts::TITLE * weight,
        )));
        Ok(queries)
    }

    fn hits(
        &self,
        all: &[Clause],
        content: &[&Clause],
        needed: usize,
        read: &Interpretation,
    ) -> tantivy::Result<Vec<LexicalHit>> {
        let each: Vec<_> = content
            .iter()
            .map(|clause| clause.query.box_clone())
            .collect();
        if each.is_empty() {
            return Ok(Vec::new());
        }
        let needed: Box<dyn Query> = if needed >= each.len() {
            Box::new(BooleanQuery::intersection(each))
        } else {
            Box::new(BooleanQuery::union_with_minimum_required_clauses(
                each, needed,
            ))
        };
        if !self.whole {
            return hits(self.searcher, &*needed, false);
        }
        let mut clauses = vec![(Occur::Must, needed)];
        let function = all.iter().filter(|clause| clause.function);
        clauses.extend(function.map(|clause| (Occur::Should, clause.query.box_clone())));
        let bonuses = self.bonuses(read).into_iter();
        clauses.extend(bonuses.map(|query| (Occur::Should, query)));
        hits(self.searcher, &BooleanQuery::new(clauses), true)
    }

    /// What counts on top: the query is the whole title, or stands in it word by word.
    fn bonuses(&self, read: &Interpretation) -> Vec<Box<dyn Query>> {
        let text = &self.wanted.text;
        let mut keys = title_keys(text);
        keys.extend(
            read.title_and_year(text)
                .into_iter()
                .flat_map(|(title, _)| title_keys(title)),
        );
        let whole = keys.iter().map(|key| {
            let key = Term::from_field_text(self.fields.whole, key);
            weighted(key, boosts::WHOLE_TITLE)
        });
        let mut bonuses: Vec<Box<dyn Query>> = whole.collect();
        let typed = &read.words;
        if typed.len() > 1 {
            let terms = typed.iter();
            let terms = terms.map(|word| Term::from_field_text(self.fields.title, &word.folded));
            let phrase = PhraseQuery::new(terms.collect());
            bonuses.push(Box::new(BoostQuery::new(Box::new(phrase), boosts::PHRASE)));
        }
        bonuses
    }
}

fn only_kinds(concepts: &[Concept]) -> bool {
    let is_kind = |concept: &Concept| matches!(concept, Concept::Kind(_));
    !concepts.is_empty() && concepts.iter().all(is_kind)
}

/// A query for a term with what it counts.
pub(super) fn weighted(term: Term, weight: f32) -> Box<dyn Query> {
    let query = TermQuery::new(term, IndexRecordOption::WithFreqs);
    Box::new(BoostQuery::new(Box::new(query), weight))
}

pub(super) fn best_of(queries: Vec<Box<dyn Query>>) -> Box<dyn Query> {
    Box::new(DisjunctionMaxQuery::with_tie_breaker(queries, TIE))
}

/// What is like something with these labels and people: the more of them and the rarer, the better.
pub(super) fn like(
    fields: &Fields,
    labels: &[String],
    people: &[Vec<String>],
) -> Vec<Box<dyn Query>> {
    let labels = labels.iter().map(|label| {
        let term = Term::from_field_text(fields.labels, label);
        weighted(term, boosts::LABELS)
    });
    let people = people.iter().map(|name| {
        let words = name.iter();
        let words = words.map(|word| weighted(Term::from_field_text(fields.people, word), 0.5));
        let name: Box<dyn Query> = Box::new(BooleanQuery::intersection(words.collect()));
        name
    });
    labels.chain(people).collect()
}
