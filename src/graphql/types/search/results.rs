//! What was found, item by item.

use std::sync::Arc;

use async_graphql::{Context, Enum, Object, Result, SimpleObject};

use super::facets::SearchFacets;
use crate::domain::search::highlight::Fragment;
use crate::domain::search::model::{self as domain, SearchHit, SearchPage};
use crate::domain::search::results;
use crate::graphql::ContextExt;
use crate::graphql::connection::PageInfo;
use crate::graphql::number::{double, int};
use crate::graphql::types::content::Content;

/// What found an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::SearchSource")]
pub enum SearchSource {
    /// It says the words of the query.
    Words,
    /// It is about what the query means.
    Meaning,
    /// Nothing was asked, and it fits the filter.
    Listed,
}

/// What found an item, and how well.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct SearchFinding {
    /// What found it.
    source: SearchSource,
    /// Its rank there, from 1.
    rank: i32,
}

/// A text of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum SearchField {
    /// The title.
    Title,
    /// The title in the language it was made in.
    OriginalTitle,
    /// The description.
    Description,
}

/// A piece of a highlighted text.
#[derive(Clone, Debug, SimpleObject)]
pub struct SearchHighlightPart {
    /// The text as it is, without any escaping.
    text: String,
    /// Whether the query says it.
    marked: bool,
}

/// A text of an item with the words of the query marked. A long text is cut to the piece that says
/// most of them.
#[derive(Clone, Debug, SimpleObject)]
pub struct SearchHighlight {
    /// Which text.
    field: SearchField,
    /// The text in pieces; together they are the fragment.
    parts: Vec<SearchHighlightPart>,
    /// The fragment as HTML: `&`, `<`, `>` and both quotation marks of the text are entities, and
    /// `<em>` around marked words is the only markup.
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

/// A found item at its place.
#[derive(Clone)]
pub struct SearchEdge {
    cursor: String,
    hit: SearchHit,
    results: Arc<results::SearchResults>,
    content: Content,
}

/// A found item at its place.
#[Object]
impl SearchEdge {
    /// The place: pass it as `after` to go on from here.
    async fn cursor(&self) -> &str {
        &self.cursor
    }

    /// The item.
    async fn node(&self) -> &Content {
        &self.content
    }

    /// Place among all that was found, from 1. A rank may be missing where an item was deleted
    /// since the search began.
    async fn rank(&self) -> i32 {
        int(self.hit.rank)
    }

    /// How well it fits, in [0, 1]; never growing from rank to rank unless another order was asked
    /// for. Comparable within one search only.
    async fn score(&self) -> f64 {
        double(self.hit.score)
    }

    /// The query's part of the score, in [0, 1]: ranks by words and by meaning, fused.
    async fn relevance(&self) -> f64 {
        double(self.hit.relevance)
    }

    /// The part of the viewer's long-term taste in the score, in [0, 1]; null where it had no say.
    async fn taste(&self) -> Option<f64> {
        self.hit.affinity.map(double)
    }

    /// What found it, each with its rank there.
    async fn sources(&self) -> Vec<SearchFinding> {
        let sources = self.hit.sources.iter().map(|(source, rank)| SearchFinding {
            source: (*source).into(),
            rank: int(*rank),
        });
        sources.collect()
    }

    /// The texts that say the words of the query, those words marked; empty where it was found by
    /// meaning alone.
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

/// How the parts of a score were weighted; together 1.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct SearchWeights {
    /// The query's part.
    query: f64,
    /// The part of the viewer's long-term taste.
    long_term: f64,
}

/// What a search found, and one page of it. Its later pages continue the same draw: nothing comes
/// twice, whatever is written in between.
pub struct SearchResults(pub(super) SearchPage);

/// What a search found, and one page of it. Its later pages continue the same draw: nothing comes
/// twice, whatever is written in between.
#[Object]
impl SearchResults {
    /// The items of this page with their places.
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

    /// The items of this page.
    async fn nodes(&self, ctx: &Context<'_>) -> Result<Vec<Content>> {
        let hits = &self.0.hits;
        let ids = hits.iter().map(|hit| hit.content);
        let mut contents = ctx.loaders().content.load_many(ids).await?;
        let nodes = hits.iter().filter_map(|hit| contents.remove(&hit.content));
        Ok(nodes.map(Into::into).collect())
    }

    /// Where this page stands in what was found.
    async fn page_info(&self) -> PageInfo {
        let index = |hit: &SearchHit| self.0.cursor(hit);
        PageInfo {
            has_previous_page: self.0.has_previous,
            has_next_page: self.0.has_next,
            start_cursor: self.0.hits.first().map(index),
            end_cursor: self.0.hits.last().map(index),
        }
    }

    /// How many items were found when the search began. The best 10,000 can be paged through.
    async fn total_count(&self) -> i32 {
        int(self.0.results.total())
    }

    /// Whether everything was looked through that was written before the search began. False while
    /// the server reads its indexes after a start, or takes up a large import: items may be missing,
    /// and the same search finds more in a moment.
    async fn complete(&self) -> bool {
        self.0.complete
    }

    /// What was found, in counts.
    async fn facets(&self) -> SearchFacets {
        SearchFacets(Arc::clone(&self.0.results))
    }

    /// The query with words that no item says put right; null where all are known, or nothing is
    /// near. What is found is already that of the corrected query.
    async fn did_you_mean(&self) -> Option<&str> {
        self.0.results.corrected.as_deref()
    }

    /// How the parts of the scores were weighted.
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
