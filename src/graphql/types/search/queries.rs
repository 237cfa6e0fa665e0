//! Queries that search.

use async_graphql::{Context, Enum, Object, Result, SimpleObject};

use super::results::SearchResults;
use crate::domain::search::SearchRequest;
use crate::domain::search::model::{self as domain, Suggestion};
use crate::foundation::page::{self, Window};
use crate::graphql::ContextExt;
use crate::graphql::enums::graphql_enum;
use crate::graphql::filter::or_none;
use crate::graphql::number::int;
use crate::graphql::scalars::DateTime;
use crate::graphql::types::content::{Content, ContentFilterInput, ContentOrder};
use crate::graphql::types::person::Person;

graphql_enum!(domain::SearchMode as SearchMode);

/// Kind of a search suggestion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum SearchSuggestionKind {
    /// The title of a content item.
    Title,
    /// The name of a person who is credited for a content item.
    Person,
    /// The name of a genre in the catalogue.
    Genre,
}

/// A suggested completion of a search query.
#[derive(Clone, Debug)]
pub struct SearchSuggestion(Suggestion);

/// A suggested completion of a search query.
#[Object]
impl SearchSuggestion {
    /// Kind of the suggestion.
    async fn kind(&self) -> SearchSuggestionKind {
        match self.0 {
            Suggestion::Title(..) => SearchSuggestionKind::Title,
            Suggestion::Person(..) => SearchSuggestionKind::Person,
            Suggestion::Genre(..) => SearchSuggestionKind::Genre,
        }
    }

    /// The full text of the suggestion.
    async fn text(&self) -> &str {
        match &self.0 {
            Suggestion::Title(_, text) | Suggestion::Person(_, text) | Suggestion::Genre(text) => {
                text
            }
        }
    }

    /// The content item, if the suggestion is a title; null otherwise.
    async fn content(&self, ctx: &Context<'_>) -> Result<Option<Content>> {
        let Suggestion::Title(content, _) = self.0 else {
            return Ok(None);
        };
        let content = ctx.loaders().content.load_one(content).await?;
        Ok(content.map(Into::into))
    }

    /// The person, if the suggestion is a person; null otherwise.
    async fn person(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        let Suggestion::Person(person, _) = self.0 else {
            return Ok(None);
        };
        let person = ctx.loaders().people.load_one(person).await?;
        Ok(person.map(Into::into))
    }
}

/// A frequent search query.
#[derive(Clone, Debug, SimpleObject)]
pub struct PopularSearch {
    /// The words of the query, in lower case and without diacritics.
    query: String,
    /// Number of searches with this query in the requested period.
    times: i32,
    /// Time of the last search with this query.
    last_asked_at: DateTime,
}

/// Queries of search.
#[derive(Clone, Copy, Default)]
pub struct SearchQuery;

/// Queries of search.
#[Object]
impl SearchQuery {
    /// Searches public, available content items (within their rights period and in stock), best
    /// match first. Words that occur in no item match words with similar spelling: one typing error
    /// is allowed in words of 4–7 letters, two in longer words. The last word may be incomplete. An
    /// empty query returns all items that match the filter, most popular first. No authentication
    /// required.
    #[graphql(complexity = "10 + first.unwrap_or(20).clamp(1, 100) as usize * child_complexity")]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn search(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Search query, at most 500 characters.")] query: String,
        #[graphql(desc = "Return only items that match this filter (default: all items).")] filter: Option<ContentFilterInput>,
        #[graphql(desc = "Whether to match by words, by meaning or by both.", default)]
        mode: SearchMode,
        #[graphql(desc = "Order of the results (default: best match first).")] order_by: Option<
            ContentOrder,
        >,
        #[graphql(
            desc = "Whether the signed-in user's long-term interests influence the score; see `SearchResults.weights`. Without effect if `orderBy` is set or the query is empty.",
            default = true
        )]
        personalise: bool,
        #[graphql(desc = "Number of items to return, 1–100 (default 20).")] first: Option<i32>,
        #[graphql(
            desc = "Return the items after this cursor, from `edges.cursor` or `pageInfo.endCursor` of an earlier page of the same search."
        )]
        after: Option<String>,
    ) -> Result<Option<SearchResults>> {
        let window = Window::read(first, after, None, None)?;
        let request = SearchRequest {
            query,
            filter: or_none("filter", filter)?,
            mode: mode.into(),
            order: order_by.map(Into::into),
            personalise,
        };
        let service = &ctx.services().search;
        let page = service.search(ctx.viewer(), &request, &window).await?;
        Ok(Some(SearchResults(page)))
    }

    /// Suggests completions of a search query: titles, people and genres that contain a word
    /// starting with the given text, with tolerance for typing errors. At most two genres come
    /// first, then titles and people by popularity. No authentication required.
    #[graphql(complexity = "5 + first.unwrap_or(10).clamp(1, 100) as usize * child_complexity")]
    async fn search_suggestions(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Text typed so far, at most 500 characters. An empty text returns no suggestions."
        )]
        prefix: String,
        #[graphql(desc = "Number of suggestions to return at most, 1–100 (default 10).")]
        first: Option<i32>,
    ) -> Result<Option<Vec<SearchSuggestion>>> {
        let most = page::size("first", first.or(Some(10)))?;
        let found = ctx.services().search.suggest(&prefix, most).await?;
        Ok(Some(found.into_iter().map(SearchSuggestion).collect()))
    }

    /// Lists the search queries that were used at least five times in a period, most frequent
    /// first. Requires the role ADMIN or an API key with the scope RECOMMENDATIONS_READ.
    #[graphql(complexity = "10 + first.unwrap_or(20).clamp(1, 100) as usize * child_complexity")]
    async fn popular_searches(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Length of the period in days, up to today, 1–90.", default = 7)]
        days: i32,
        #[graphql(desc = "Number of search queries to return at most, 1–100 (default 20).")] first: Option<i32>,
    ) -> Result<Option<Vec<PopularSearch>>> {
        let most = page::size("first", first)?;
        let service = &ctx.services().search;
        let popular = service.popular(ctx.viewer(), days, most).await?;
        let popular = popular.into_iter().map(|asked| PopularSearch {
            query: asked.query,
            times: int(asked.times),
            last_asked_at: asked.last_asked_at.into(),
        });
        Ok(Some(popular.collect()))
    }
}
