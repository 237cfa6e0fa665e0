//! Queries that search.

use async_graphql::{Context, Enum, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::results::SearchResults;
use crate::domain::search::SearchRequest;
use crate::domain::search::model::{self as domain, Suggestion};
use crate::foundation::page::{self, Window};
use crate::graphql::ContextExt;
use crate::graphql::filter::or_none;
use crate::graphql::number::int;
use crate::graphql::types::content::{Content, ContentFilterInput, ContentOrder};
use crate::graphql::types::person::Person;

/// By what to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::SearchMode")]
pub enum SearchMode {
    /// By the words of the query and by what it means, fused by reciprocal rank.
    #[default]
    WordsAndMeaning,
    /// By the words of the query alone.
    Words,
    /// By what the query means alone.
    Meaning,
}

/// What a suggestion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum SearchSuggestionKind {
    /// The title of an item.
    Title,
    /// Somebody credited for an item.
    Person,
    /// A genre.
    Genre,
}

/// Something that may be typed next.
#[derive(Clone, Debug)]
pub struct SearchSuggestion(Suggestion);

/// Something that may be typed next.
#[Object]
impl SearchSuggestion {
    /// What it is.
    async fn kind(&self) -> SearchSuggestionKind {
        match self.0 {
            Suggestion::Title(..) => SearchSuggestionKind::Title,
            Suggestion::Person(..) => SearchSuggestionKind::Person,
            Suggestion::Genre(..) => SearchSuggestionKind::Genre,
        }
    }

    /// The whole text.
    async fn text(&self) -> &str {
        match &self.0 {
            Suggestion::Title(_, text) | Suggestion::Person(_, text) | Suggestion::Genre(text) => {
                text
            }
        }
    }

    /// The item of a title; null for other suggestions.
    async fn content(&self, ctx: &Context<'_>) -> Result<Option<Content>> {
        let Suggestion::Title(content, _) = self.0 else {
            return Ok(None);
        };
        let content = ctx.loaders().content.load_one(content).await?;
        Ok(content.map(Into::into))
    }

    /// The person; null for other suggestions.
    async fn person(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        let Suggestion::Person(person, _) = self.0 else {
            return Ok(None);
        };
        let person = ctx.loaders().people.load_one(person).await?;
        Ok(person.map(Into::into))
    }
}

/// A query that many asked.
#[derive(Clone, Debug, SimpleObject)]
pub struct PopularSearch {
    /// Its words, in lower case and without diacritics.
    query: String,
    /// How often it was asked.
    times: i32,
    /// When it was asked last.
    last_asked_at: DateTime<Utc>,
}

/// Queries that search.
#[derive(Clone, Copy, Default)]
pub struct SearchQuery;

/// Queries that search.
#[Object]
impl SearchQuery {
    /// The items that say or mean what is asked, the best first. Typing errors are allowed for in
    /// words that no item says: one in words of 4 to 7 letters, two in longer ones; the last word
    /// may be a beginning. Only what can be offered to everybody today is found: public, within its
    /// rights, not sold out. An empty query lists what fits the filter, the most popular first.
    #[graphql(complexity = "10 + first.unwrap_or(20).clamp(1, 100) as usize * child_complexity")]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn search(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What was typed, at most 500 characters.")] query: String,
        #[graphql(desc = "Which items.")] filter: Option<ContentFilterInput>,
        #[graphql(desc = "By what to look.", default)] mode: SearchMode,
        #[graphql(desc = "In which order; the best first where left out.")] order_by: Option<
            ContentOrder,
        >,
        #[graphql(
            desc = "Whether the long-term taste of the signed-in viewer makes 30 % of the score.",
            default = true
        )]
        personalise: bool,
        #[graphql(desc = "So many, 1 to 100; 20 where left out.")] first: Option<i32>,
        #[graphql(desc = "Only those behind this cursor, from the same search.")] after: Option<
            String,
        >,
    ) -> Result<SearchResults> {
        let window = Window::read(first, after, None, None)?;
        let request = SearchRequest {
            query,
            filter: or_none(filter),
            mode: mode.into(),
            order: order_by.map(Into::into),
            personalise,
        };
        let service = &ctx.services().search;
        let page = service.search(ctx.viewer(), &request, &window).await?;
        Ok(SearchResults(page))
    }

    /// Titles, people and genres that begin with what was typed so far or have words that do,
    /// typing errors allowed: at most two genres, then titles and people, the more popular first.
    #[graphql(complexity = "5 + first.unwrap_or(10).clamp(1, 100) as usize * child_complexity")]
    async fn search_suggestions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What was typed so far, at most 500 characters.")] prefix: String,
        #[graphql(desc = "At most so many, 1 to 100; 10 where left out.")] first: Option<i32>,
    ) -> Result<Vec<SearchSuggestion>> {
        let most = page::size("first", first.or(Some(10)))?;
        let found = ctx.services().search.suggest(&prefix, most).await?;
        Ok(found.into_iter().map(SearchSuggestion).collect())
    }

    /// What was searched for at least five times, the most frequent first. For admins, and apps
    /// with the scope RECOMMENDATIONS_READ.
    #[graphql(complexity = "10 + first.unwrap_or(20).clamp(1, 100) as usize * child_complexity")]
    async fn popular_searches(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "In the last so many days, 1 to 90.", default = 7)] days: i32,
        #[graphql(desc = "At most so many, 1 to 100; 20 where left out.")] first: Option<i32>,
    ) -> Result<Vec<PopularSearch>> {
        let most = page::size("first", first)?;
        let service = &ctx.services().search;
        let popular = service.popular(ctx.viewer(), days, most).await?;
        let popular = popular.into_iter().map(|asked| PopularSearch {
            query: asked.query,
            times: int(asked.times),
            last_asked_at: asked.last_asked_at,
        });
        Ok(popular.collect())
    }
}
