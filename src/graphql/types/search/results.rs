//! What was found, item by item.

use std::sync::Arc;

use async_graphql::{Context, Enum, Object, Result, SimpleObject};

use super::facets::SearchFacets;
use crate::domain::search::highlight::Fragment;
use crate::domain::search::model::{self as domain, SearchHit, SearchPage};
use crate::domain::search::results;
use crate::graphql::ContextExt;
use crate::graphql::connection::PageInfo;
use crate::graphql::enums::graphql_enum;
use crate::graphql::number::{double, int};
use crate::graphql::types::content::Content;

graphql_enum!(domain::SearchSource as SearchSource);

/// How a search found an item, and at which rank.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct SearchFinding {
    /// How the item was found.
    source: SearchSource,
    /// Rank of the item among the items found this way, starting at 1.
    rank: i32,
}

/// A text field of a content item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum SearchField {
    /// The title of the item.
    Title,
    /// The title of the item in its original language.
    OriginalTitle,
    /// The description of the item.
    Description,
}

/// A part of a highlighted text.
#[derive(Clone, Debug, SimpleObject)]
pub struct SearchHighlightPart {
    /// The text of this part, as plain text without escaping.
    text: String,
    /// Whether this part matches a word of the query.
    marked: bool,
}

/// A text of an item in which the words of the query are marked. Long texts are shortened to the
/// fragment with most matches.
#[derive(Clone, Debug, SimpleObject)]
pub struct SearchHighlight {
    /// The field that the text belongs to.
    field: SearchField,
    /// The text in parts; concatenated they are the whole fragment.
    parts: Vec<SearchHighlightPart>,
    /// The text as HTML. The characters `&`, `<`, `>` and quotation marks are escaped; `<em>`
    /// around matching words is the only markup.
    html: String,
}

impl SearchHighlight {
    fn new(field: SearchField, fragment: Fragment) -> Self {
        let html = fragment.html();
        let parts = fragment.parts.into_iter().map(|part| SearchHighlightPart {
            text: part.text,
            marked: part.marked,
        });
        Self {
            field,
            parts: parts.collect(),
            html,
        }
    }
}

/// A search result and its cursor.
#[derive(Clone)]
pub struct SearchEdge {
    cursor: String,
    hit: SearchHit,
    results: Arc<results::SearchResults>,
    content: Content,
}

/// A search result and its cursor.
#[Object]
impl SearchEdge {
    /// Opaque position of the item in the results. Pass it as `after` to fetch the items that
    /// follow it.
    async fn cursor(&self) -> &str {
        &self.cursor
    }

    /// The item at this position.
    async fn node(&self) -> &Content {
        &self.content
    }

    /// Rank of the item among all results, starting at 1. Ranks may be missing if items have become
    /// unavailable since the search was executed.
    async fn rank(&self) -> i32 {
        int(self.hit.rank)
    }

    /// Score of the item in [0, 1]. Scores never increase with rank, unless `orderBy` is set, and
    /// are comparable within one search only.
    async fn score(&self) -> f64 {
        double(self.hit.score)
    }

    /// Relevance of the item to the query, in [0, 1].
    async fn relevance(&self) -> f64 {
        double(self.hit.relevance)
    }

    /// Similarity of the item to the viewer's long-term interests, in [0, 1]; null if they did not
    /// influence the score.
    async fn taste(&self) -> Option<f64> {
        self.hit.affinity.map(double)
    }

    /// How the item was found, with its rank in each case.
    async fn sources(&self) -> Vec<SearchFinding> {
        let sources = self.hit.sources.iter().map(|(source, rank)| SearchFinding {
            source: (*source).into(),
            rank: int(*rank),
        });
        sources.collect()
    }

    /// Texts of the item in which words of the query are marked; empty if it was found by meaning
    /// only.
    async fn highlights(&self) -> Vec<SearchHighlight> {
        let fields = &self.content.0.fields;
        let texts = [
            (SearchField::Title, Some(&fields.title)),
            (SearchField::OriginalTitle, fields.original_title.as_ref()),
            (SearchField::Description, Some(&fields.description)),
        ];
        let marked = texts.into_iter().filter_map(|(field, text)| {
            let fragment = self.results.marks.fragment(text?)?;
            Some(SearchHighlight::new(field, fragment))
        });
        marked.collect()
    }
}

/// Weights of the two components of the score; they sum to 1.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct SearchWeights {
    /// Weight of `SearchEdge.relevance`; 1 if the search was not personalised.
    query: f64,
    /// Weight of `SearchEdge.taste`; 0 if the search was not personalised.
    long_term: f64,
}

/// A page of search results. All pages come from the same results: they neither repeat nor skip
/// items if the catalogue changes in between.
pub struct SearchResults(pub(super) SearchPage);

/// A page of search results. All pages come from the same results: they neither repeat nor skip
/// items if the catalogue changes in between.
#[Object]
impl SearchResults {
    /// The items on this page, each with its cursor, score and highlights.
    async fn edges(&self, ctx: &Context<'_>) -> Result<Vec<SearchEdge>> {
        let hits = &self.0.hits;
        let ids = hits.iter().map(|hit| hit.content);
        let mut contents = ctx.loaders().content.load_many(ids).await?;
        let edges = hits.iter().filter_map(|hit| {
            // Deleted by another process a moment ago.
            let content = contents.remove(&hit.content)?;
            Some(SearchEdge {
                cursor: self.0.cursor(hit),
                hit: hit.clone(),
                results: Arc::clone(&self.0.results),
                content: content.into(),
            })
        });
        Ok(edges.collect())
    }

    /// The items on this page, without their cursors.
    async fn nodes(&self, ctx: &Context<'_>) -> Result<Vec<Content>> {
        let hits = &self.0.hits;
        let ids = hits.iter().map(|hit| hit.content);
        let mut contents = ctx.loaders().content.load_many(ids).await?;
        let nodes = hits.iter().filter_map(|hit| contents.remove(&hit.content));
        Ok(nodes.map(Into::into).collect())
    }

    /// Cursors of this page, and whether there are other pages.
    async fn page_info(&self) -> PageInfo {
        let index = |hit: &SearchHit| self.0.cursor(hit);
        PageInfo {
            has_previous_page: self.0.has_previous,
            has_next_page: self.0.has_next,
            start_cursor: self.0.hits.first().map(index),
            end_cursor: self.0.hits.last().map(index),
        }
    }

    /// Number of items that matched when the search was executed. Only the first 10,000 can be
    /// fetched.
    async fn total_count(&self) -> i32 {
        int(self.0.results.total())
    }

    /// Whether the index was up to date. If false, because the server has just started or an import
    /// is being indexed, results may be missing; repeat the search later.
    async fn complete(&self) -> bool {
        self.0.complete
    }

    /// Numbers of all matching items by genre, year and other properties.
    async fn facets(&self) -> SearchFacets {
        SearchFacets(Arc::clone(&self.0.results))
    }

    /// The query with unknown words replaced by similar known ones; null if all words are known or
    /// no similar ones exist. The results are those of the corrected query.
    async fn did_you_mean(&self) -> Option<&str> {
        self.0.results.corrected.as_deref()
    }

    /// Weights of relevance and of the viewer's interests in the scores.
    async fn weights(&self) -> SearchWeights {
        if self.0.results.personalised {
            SearchWeights {
                query: double(self.0.results.query_weight),
                long_term: 1.0 - double(self.0.results.query_weight),
            }
        } else {
            SearchWeights {
                query: 1.0,
                long_term: 0.0,
            }
        }
    }
}
