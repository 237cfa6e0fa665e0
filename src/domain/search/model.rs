//! Search requests and results.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::results::SearchResults;
use crate::domain::content::{ContentFilter, ContentOrder};
use crate::foundation::{Id, Refusal, Result, id, text_enum};

/// The most characters that a query may have.
pub const LONGEST_QUERY: usize = 500;

/// A search request.
#[derive(Clone, Debug)]
pub struct SearchRequest {
    /// What was typed; nothing but space lists everything that fits the filter, by popularity.
    pub query: String,
    /// Which items.
    pub filter: ContentFilter,
    /// How a search matches items.
    pub mode: SearchMode,
    /// In which order, and whether it ascends; the best first where left out.
    pub order: Option<(ContentOrder, bool)>,
    /// Whether the viewer's taste has a say in the order.
    pub personalise: bool,
}

impl SearchRequest {
    /// Everything that is found by words and meaning, the best first.
    pub fn new(query: impl Into<String>) -> Self {
        Self {
            query: query.into(),
            filter: ContentFilter::default(),
            mode: SearchMode::WordsAndMeaning,
            order: None,
            personalise: true,
        }
    }

    /// Refuses what is too long or too large.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`].
    pub fn check(&self) -> Result<()> {
        check_length("query", &self.query)?;
        self.filter.check()
    }

    /// Whether nothing was typed.
    pub fn is_empty(&self) -> bool {
        self.query.trim().is_empty()
    }
}

/// Refuses a text that is longer than a query may be.
///
/// # Errors
/// [`Refusal::InvalidInput`].
pub(super) fn check_length(argument: &str, text: &str) -> Result<()> {
    let length = text.chars().count();
    if length <= LONGEST_QUERY {
        return Ok(());
    }
    let message =
        format!("`{argument}` has at most {LONGEST_QUERY} characters, not {length}; shorten it");
    Err(Refusal::invalid(argument, message).into())
}

text_enum! {
    /// How a search matches items.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub enum SearchMode {
        /// By the words of the query and by the similarity of embeddings, combined by rank.
        #[default]
        WordsAndMeaning = "WORDS_AND_MEANING",
        /// By the words of the query only.
        Words = "WORDS",
        /// By the similarity of the embeddings of query and items only.
        Meaning = "MEANING",
    }
}

text_enum! {
    /// How a search found an item.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum SearchSource {
        /// The item contains words of the query.
        Words = "WORDS",
        /// The embedding of the item is similar to that of the query.
        Meaning = "MEANING",
        /// The query was empty and the item matches the filter.
        Listed = "LISTED",
    }
}

/// An item in the results, with its rank.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchHit {
    /// Rank among all that was found, from 1.
    pub rank: usize,
    /// What was found.
    pub content: Id<id::Content>,
    /// How well it fits, in [0, 1]; never growing from rank to rank unless another order was asked
    /// for. Comparable within one search only.
    pub score: f32,
    /// The part of the query in the score, in [0, 1].
    pub relevance: f32,
    /// How well it suits the viewer's long-term taste, in [0, 1]; `None` where that had no say.
    pub affinity: Option<f32>,
    /// What found it, each with its rank there, from 1. A rank behind those that are kept is the
    /// next one.
    pub sources: Vec<(SearchSource, usize)>,
}

/// One page of what was found.
#[derive(Clone)]
pub struct SearchPage {
    /// Names query, filter and viewer in cursors.
    pub(super) digest: u64,
    /// All that was found.
    pub results: Arc<SearchResults>,
    /// Whether all there is was looked through; `false` while an index is still being made or takes
    /// up a large change.
    pub complete: bool,
    /// The items of this page.
    pub hits: Vec<SearchHit>,
    /// Whether items come before these.
    pub has_previous: bool,
    /// Whether items come after these.
    pub has_next: bool,
}

/// A suggested completion.
#[derive(Clone, Debug, PartialEq)]
pub enum Suggestion {
    /// The title of an item.
    Title(Id<id::Content>, String),
    /// Somebody credited for an item.
    Person(Id<id::Person>, String),
    /// A genre.
    Genre(String),
}

/// A frequent query.
#[derive(Clone, Debug, PartialEq)]
pub struct PopularQuery {
    /// Its words, folded.
    pub query: String,
    /// How often it was asked.
    pub times: i64,
    /// When it was asked last.
    pub last_asked_at: DateTime<Utc>,
}
