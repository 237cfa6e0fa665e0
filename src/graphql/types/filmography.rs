//! What a person made, as a list and in figures.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, Object, Result, SimpleObject};

use super::content::{Content, CreditRole, Ratings};
use super::person::Person;
use crate::domain::content::filmography::{self as domain, FilmStatistics, FilmographyPage};
use crate::domain::content::model::{self as content, ContentOrder};
use crate::foundation::page::{self, Window};
use crate::foundation::{Error, Id, id};
use crate::graphql::ContextExt;
use crate::graphql::connection::Connection;
use crate::graphql::enums::values;
use crate::graphql::filter::OrderDirection;
use crate::graphql::number::int;

/// A content item that a person is credited for.
#[derive(Clone, Debug)]
pub struct FilmographyItem {
    person: Id<id::Person>,
    content: Content,
}

/// A content item that a person is credited for.
#[Object]
impl FilmographyItem {
    /// The content item that the person is credited for.
    async fn content(&self) -> &Content {
        &self.content
    }

    /// Roles of the person in this item, each once.
    #[graphql(complexity = 2)]
    async fn roles(&self, ctx: &Context<'_>) -> Result<Vec<CreditRole>> {
        let mut roles: Vec<CreditRole> = Vec::new();
        for credit in self.credits(ctx).await? {
            let role = credit.role.into();
            if !roles.contains(&role) {
                roles.push(role);
            }
        }
        Ok(roles)
    }

    /// Names of the characters that the person plays in this item.
    #[graphql(complexity = 2)]
    async fn characters(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        let credits = self.credits(ctx).await?.into_iter();
        Ok(credits.filter_map(|credit| credit.character).collect())
    }
}

impl FilmographyItem {
    async fn credits(&self, ctx: &Context<'_>) -> Result<Vec<content::Credit>> {
        let credits = ctx.loaders().credits.load_one(self.content.0.id).await?;
        let credits = credits.unwrap_or_default().into_iter();
        Ok(credits
            .filter(|credit| credit.person == self.person)
            .collect())
    }
}

/// One page of the items that `person` is credited for.
pub(super) async fn filmography(
    ctx: &Context<'_>,
    person: Id<id::Person>,
    roles: Option<Vec<CreditRole>>,
    direction: OrderDirection,
    window: Window,
) -> Result<Connection<FilmographyItem>> {
    let ascending = direction.ascending();
    let roles = roles.map(values);
    let which = FilmographyPage {
        roles: roles.clone(),
        ascending,
        window,
    };
    let loaders = Arc::clone(ctx.loaders());
    let page = loaders
        .filmographies
        .load_one((person, which))
        .await?
        .ok_or_else(|| anyhow::anyhow!("each person has a page of films, if an empty one"))
        .map_err(Error::from)?
        .map(|content| FilmographyItem {
            person,
            content: content.into(),
        });
    // Through a loader as well: the totals of all people on a page are one statement.
    let total = move || {
        let (loaders, key) = (Arc::clone(&loaders), (person, roles.clone()));
        async move {
            let count = loaders.film_counts.load_one(key).await;
            let count = count.map_err(|error| anyhow::anyhow!("counting films: {error}"))?;
            Ok(u64::try_from(count.unwrap_or_default()).unwrap_or_default())
        }
    };
    let cursor = move |item: &FilmographyItem| item.content.0.cursor(ContentOrder::Year, ascending);
    Ok(Connection::new(page, cursor, total))
}

/// Statistics of the items that a person is credited for and that the viewer may list.
#[derive(Clone, Copy, Debug)]
pub struct PersonStatistics(pub(super) Id<id::Person>);

/// Number of a person's items of one genre.
#[derive(Clone, Debug, SimpleObject)]
pub struct GenreCount {
    /// Name of the genre.
    genre: String,
    /// Number of items of this genre.
    films: i32,
}

/// A person who is credited for the same items as another person.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Collaborator {
    /// Number of items that both are credited for.
    films: i32,
    /// Roles of the collaborator in these items.
    roles: Vec<CreditRole>,
    #[graphql(skip)]
    person: Id<id::Person>,
}

#[ComplexObject]
impl Collaborator {
    /// The collaborator; null if the person was deleted.
    async fn person(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        let person = ctx.loaders().people.load_one(self.person).await?;
        Ok(person.map(Into::into))
    }
}

impl From<domain::Collaborator> for Collaborator {
    fn from(other: domain::Collaborator) -> Self {
        Self {
            films: int(other.films),
            roles: other.roles.into_iter().map(Into::into).collect(),
            person: other.person,
        }
    }
}

/// Statistics of the items that a person is credited for and that the viewer may list. "Films" are
/// content items of any kind.
#[Object]
impl PersonStatistics {
    /// Number of films that the person is credited for.
    async fn films(&self, ctx: &Context<'_>) -> Result<i32> {
        let figures = self.figures(ctx).await?;
        Ok(figures.map_or(0, |figures| int(figures.films)))
    }

    /// Year of the earliest film; null if no year is known.
    async fn first_year(&self, ctx: &Context<'_>) -> Result<Option<i32>> {
        Ok(self.figures(ctx).await?.and_then(|f| f.first_year))
    }

    /// Year of the latest film; null if no year is known.
    async fn last_year(&self, ctx: &Context<'_>) -> Result<Option<i32>> {
        Ok(self.figures(ctx).await?.and_then(|f| f.last_year))
    }

    /// Mean of the films' ratings at their data sources, 0–10; null if there are none.
    async fn rating_average(&self, ctx: &Context<'_>) -> Result<Option<f64>> {
        Ok(self.figures(ctx).await?.and_then(|f| f.mean_rating))
    }

    /// Summary of the ratings of the films by users of this server.
    #[graphql(complexity = "5 + child_complexity")]
    async fn ratings(&self, ctx: &Context<'_>) -> Result<Ratings> {
        let ratings = ctx.loaders().film_ratings.load_one(self.0).await?;
        Ok(ratings.into())
    }

    /// Number of films of each genre, most frequent first.
    #[graphql(complexity = "5 + child_complexity")]
    async fn genres(&self, ctx: &Context<'_>) -> Result<Vec<GenreCount>> {
        let genres = ctx.loaders().film_genres.load_one(self.0).await?;
        let genres = genres.unwrap_or_default().into_iter();
        Ok(genres
            .map(|group| GenreCount {
                genre: group.genre,
                films: int(group.films),
            })
            .collect())
    }

    /// People who are credited for the same films, most films in common first.
    #[graphql(complexity = "5 + first.clamp(1, 100) as usize * child_complexity")]
    async fn collaborators(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Number of people to return at most, 1–100.", default = 10)] first: i32,
    ) -> Result<Vec<Collaborator>> {
        let most = page::size("first", Some(first))?;
        let others = ctx.loaders().collaborators.load_one((self.0, most)).await?;
        let others = others.unwrap_or_default().into_iter();
        Ok(others.map(Into::into).collect())
    }
}

impl PersonStatistics {
    async fn figures(&self, ctx: &Context<'_>) -> Result<Option<FilmStatistics>> {
        Ok(ctx.loaders().film_statistics.load_one(self.0).await?)
    }
}
