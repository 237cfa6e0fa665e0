//! What content items are described with: kinds, credits, money, ratings and the like.

use async_graphql::{ComplexObject, Context, Enum, Result, SimpleObject};
use rust_decimal::Decimal;

use super::Content;
use crate::domain::content::model as domain;
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::number::int;
use crate::graphql::types::person::Person;

/// What sort of thing a content item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::ContentKind")]
pub enum ContentKind {
    /// A film.
    Movie,
    /// A thing to buy.
    Product,
    /// A text.
    Text,
    /// A picture.
    Image,
    /// A moving picture that is no film.
    Video,
    /// Something to listen to.
    Audio,
}

/// Who may see a content item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::Visibility")]
pub enum Visibility {
    /// Everybody; it can be listed and recommended.
    Public,
    /// Whoever knows its id; it is in no list.
    Unlisted,
    /// Its creator and admins.
    Private,
}

/// What a person did for an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::CreditRole")]
pub enum CreditRole {
    /// Directed it.
    Director,
    /// Plays in it.
    Cast,
    /// Wrote it.
    Writer,
    /// Produced it.
    Producer,
    /// Wrote its music.
    Composer,
    /// Filmed it.
    Cinematographer,
    /// Cut it.
    Editor,
}

/// An amount of money.
#[derive(Clone, Debug, SimpleObject)]
pub struct Money {
    /// How much, in units of the currency, with at most two decimals: `"149.00"`.
    pub amount: Decimal,
    /// ISO 4217: `EUR`.
    pub currency: String,
}

/// What a person did for an item.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Credit {
    /// What they did.
    pub role: CreditRole,
    /// Place among those of the same role, from 0.
    pub position: i32,
    /// Whom they play.
    pub character: Option<String>,
    #[graphql(skip)]
    person: Id<id::Person>,
    #[graphql(skip)]
    content: Id<id::Content>,
}

#[ComplexObject]
impl Credit {
    /// Who.
    async fn person(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        let person = ctx.loaders().people.load_one(self.person).await?;
        Ok(person.map(Into::into))
    }

    /// For which item; null for one that the viewer may not see.
    async fn content(&self, ctx: &Context<'_>) -> Result<Option<Content>> {
        let content = ctx.loaders().content.load_one(self.content).await?;
        Ok(content.map(Into::into))
    }
}

impl From<domain::Credit> for Credit {
    fn from(credit: domain::Credit) -> Self {
        Self {
            role: credit.role.into(),
            position: credit.position,
            character: credit.character,
            person: credit.person,
            content: credit.content,
        }
    }
}

/// How many users gave an item a tag.
#[derive(Clone, Debug, SimpleObject)]
pub struct TagCount {
    /// The tag.
    pub tag: String,
    /// How many users gave it.
    pub users: i32,
}

/// The stars that users of this server gave; each user's last rating of an item counts.
#[derive(Clone, Debug, SimpleObject)]
pub struct Ratings {
    /// How many ratings.
    pub count: i32,
    /// Their mean, 0.5 to 5 stars; null where there are none.
    pub mean: Option<f64>,
}

impl From<Option<crate::domain::interactions::model::Ratings>> for Ratings {
    fn from(ratings: Option<crate::domain::interactions::model::Ratings>) -> Self {
        let count = ratings.map_or(0, |ratings| ratings.count);
        Self {
            count: int(count),
            mean: ratings.map(|ratings| ratings.mean),
        }
    }
}

/// What another catalogue calls an item, or another system a user.
#[derive(Clone, Debug, SimpleObject)]
pub struct ExternalId {
    /// The catalogue: `movielens`, `tmdb`, `imdb` and so on.
    pub source: String,
    /// The item's name there.
    pub id: String,
}
