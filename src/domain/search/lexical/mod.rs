//! The lexical index: which items contain the words of a query, scored by BM25.
//!
//! It lives in memory, one in each process: made from the database at the start, it needs neither a
//! folder of its own nor a repair after a crash. What it costs an item stands in `docs/search.md`.
//! It holds only public items: not even a correction of a typing error can tell of another one.

use parking_lot::Mutex;
use rustc_hash::FxHashSet;
use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::Column;
use tantivy::query::Query;
use tantivy::{
    DocId, Index, IndexReader, IndexWriter, ReloadPolicy, Score, Searcher, SegmentOrdinal,
    SegmentReader, Term,
};

use crate::foundation::{Error, Result};

mod corrections;
mod fields;
mod matching;
mod terms;
mod vocabulary;

pub use fields::{ItemTexts, boosts};
pub(super) use fields::{title_keys, without_article};
pub use matching::{LexicalMatches, LexicalQuery, MatchMode};

use super::query::Synonyms;
use fields::Fields;
use matching::Matching;
use vocabulary::PrefixCache;

/// Memory for the writer, in bytes: the least that tantivy takes is 15 MB.
const WRITER: usize = 32_000_000;

/// Up to so many items are put in by the thread that asks. More wait for the threads of long
/// computations, and nobody should wait for that.
pub const FEW: usize = 1_000;

/// A word that begins others without being one itself has at least so many letters.
const LEAST_PREFIX: usize = 3;

/// An item that contains words of a query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LexicalHit {
    /// The item's slot on the catalogue.
    pub slot: u32,
    /// BM25 with the boosts of the fields; comparable within one query only.
    pub score: f32,
    /// Whether the item has all words of the query that are needed.
    pub all_words: bool,
}

/// Which items may be offered to everybody: only their words are completed, and only by them typing errors are
/// put right.
pub struct Offered<'a> {
    /// Whether the item in a slot may be offered.
    pub is: &'a (dyn Fn(u32) -> bool + Sync),
    /// Another number where `is` may say something else of the same items, such as the day.
    pub state: u64,
}

/// What a query is read by.
pub struct LexicalContext<'a> {
    /// Which items may be offered.
    pub offered: Offered<'a>,
    /// Other words for the same.
    pub synonyms: &'a Synonyms,
    /// The languages of the catalogue, as ISO 639-1 codes, for words that say nothing in them.
    pub languages: &'a [String],
}

/// The lexical index of the public items of one schema.
pub struct LexicalIndex {
    fields: Fields,
    writer_state: Mutex<WriterState>,
    reader: IndexReader,
    prefixes: PrefixCache,
}

struct WriterState {
    writer: IndexWriter,
    /// The slots that have been put in: what was never there need not be taken out, which costs
    /// more than all the rest.
    held: FxHashSet<u32>,
}

impl LexicalIndex {
    /// An empty index.
    ///
    /// # Errors
    /// When its threads cannot be started.
    pub fn new() -> Result<Self> {
        let (schema, fields) = Fields::new();
        let index = Index::create_in_ram(schema);
        let writer = index.writer_with_num_threads(1, WRITER).map_err(internal)?;
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into()
            .map_err(internal)?;
        Ok(Self {
            fields,
            writer_state: Mutex::new(WriterState {
                writer,
                held: FxHashSet::default(),
            }),
            reader,
            prefixes: PrefixCache::default(),
        })
    }

    /// Indexes `items`, replacing those in their slots, and removes the slots in `gone`. Changes are not
    /// visible before [`LexicalIndex::commit`]. Blocks.
    ///
    /// # Errors
    /// When the writer has failed.
    pub fn put(&self, items: Vec<(u32, ItemTexts)>, gone: &[u32]) -> Result<()> {
        use rayon::prelude::*;
        let document = |(slot, texts)| (slot, self.fields.document(slot, &texts));
        let documents: Vec<_> = if items.len() <= FEW {
            items.into_iter().map(document).collect()
        } else {
            items.into_par_iter().map(document).collect()
        };
        let mut writer_state = self.writer_state.lock();
        for slot in gone {
            if writer_state.held.remove(slot) {
                writer_state
                    .writer
                    .delete_term(self.fields.slot_term(*slot));
            }
        }
        for (slot, document) in documents {
            if !writer_state.held.insert(slot) {
                writer_state.writer.delete_term(self.fields.slot_term(slot));
            }
            writer_state
                .writer
                .add_document(document)
                .map_err(internal)?;
        }
        Ok(())
    }

    /// Makes changes visible. Blocks.
    ///
    /// # Errors
    /// When the writer has failed.
    pub fn commit(&self) -> Result<()> {
        let mut writer_state = self.writer_state.lock();
        writer_state.writer.commit().map_err(internal)?;
        drop(writer_state);
        self.reader.reload().map_err(internal)
    }

    /// The items that match the query, in no order. Blocks.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn find(
        &self,
        wanted: &LexicalQuery,
        context: &LexicalContext<'_>,
    ) -> Result<LexicalMatches> {
        let fields = &self.fields;
        let searcher = self.reader.searcher();
        let matching = Matching {
            searcher: &searcher,
            fields,
            prefixes: &self.prefixes,
            context,
            among: [&fields.exact()[..], &fields.stems()[..]].concat(),
            dictionary: vec![fields.vocabulary],
            least_prefix: LEAST_PREFIX,
            whole: true,
            wanted,
            found: LexicalMatches::default(),
        };
        matching.find().map_err(internal)
    }

    /// The items that share these labels and people, in no order, better with more and rarer ones. A label of
    /// several words is one: its folded words put together. A person is the folded words of a name. Blocks.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn like(&self, labels: &[String], people: &[Vec<String>]) -> Result<Vec<LexicalHit>> {
        let shared = matching::like(&self.fields, labels, people);
        let any = tantivy::query::BooleanQuery::union(shared);
        hits(&self.reader.searcher(), &any, true).map_err(internal)
    }

    /// The items whose titles say what was typed so far, in no order and without scores.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn titles(
        &self,
        typed: &LexicalQuery,
        context: &LexicalContext<'_>,
    ) -> Result<LexicalMatches> {
        let fields = [self.fields.title, self.fields.original];
        self.find_in(&fields, typed, context)
    }

    /// The items with genres or key words that say what was typed so far.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn labels(
        &self,
        typed: &LexicalQuery,
        context: &LexicalContext<'_>,
    ) -> Result<LexicalMatches> {
        let fields = [self.fields.labels];
        self.find_in(&fields, typed, context)
    }

    /// The items with people whose names say what was typed so far.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn people(
        &self,
        typed: &LexicalQuery,
        context: &LexicalContext<'_>,
    ) -> Result<LexicalMatches> {
        let fields = [self.fields.people];
        self.find_in(&fields, typed, context)
    }

    /// Looks into these fields alone, as they were written, from the first letter on, and without scores.
    fn find_in(
        &self,
        only: &[tantivy::schema::Field],
        typed: &LexicalQuery,
        context: &LexicalContext<'_>,
    ) -> Result<LexicalMatches> {
        let searcher = self.reader.searcher();
        let matching = Matching {
            searcher: &searcher,
            fields: &self.fields,
            prefixes: &self.prefixes,
            context,
            among: only.iter().map(|field| (*field, 1.0)).collect(),
            dictionary: only.to_vec(),
            least_prefix: 1,
            whole: false,
            wanted: typed,
            found: LexicalMatches::default(),
        };
        matching.find().map_err(internal)
    }
}

/// Everything that `query` finds, with its score, or a score of 0 if it is not to be `scored`.
fn hits(searcher: &Searcher, query: &dyn Query, scored: bool) -> tantivy::Result<Vec<LexicalHit>> {
    searcher.search(query, &AllHits { scored })
}

/// A collector of all hits: counts and filters need all of them.
struct AllHits {
    scored: bool,
}

struct SegmentHits {
    slots: Column<u64>,
    hits: Vec<LexicalHit>,
}

impl Collector for AllHits {
    type Fruit = Vec<LexicalHit>;
    type Child = SegmentHits;

    fn for_segment(
        &self,
        _: SegmentOrdinal,
        segment: &SegmentReader,
    ) -> tantivy::Result<SegmentHits> {
        Ok(SegmentHits {
            slots: segment.fast_fields().u64(fields::SLOT)?,
            hits: Vec::new(),
        })
    }

    fn requires_scoring(&self) -> bool {
        self.scored
    }

    fn merge_fruits(&self, mut fruits: Vec<Vec<LexicalHit>>) -> tantivy::Result<Vec<LexicalHit>> {
        let mut all = fruits.pop().unwrap_or_default();
        for hits in fruits {
            all.extend(hits);
        }
        Ok(all)
    }
}

impl SegmentCollector for SegmentHits {
    type Fruit = Vec<LexicalHit>;

    fn collect(&mut self, doc: DocId, score: Score) {
        // Slots are `u32`; the column knows no smaller number.
        if let Some(slot) = self
            .slots
            .first(doc)
            .and_then(|slot| u32::try_from(slot).ok())
        {
            self.hits.push(LexicalHit {
                slot,
                score,
                all_words: false,
            });
        }
    }

    fn harvest(self) -> Vec<LexicalHit> {
        self.hits
    }
}

/// How many items of the index have `term`, those deleted lately among them.
fn frequency(searcher: &Searcher, term: &Term) -> tantivy::Result<u64> {
    searcher.doc_freq(term)
}

fn internal(error: tantivy::TantivyError) -> Error {
    Error::Internal(anyhow::Error::new(error).context("the index of words"))
}

#[cfg(test)]
mod tests;
