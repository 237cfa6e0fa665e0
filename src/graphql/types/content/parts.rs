//! What content items are described with: kinds, credits, money, ratings and the like.

use async_graphql::{ComplexObject, Context, Result, SimpleObject};

use super::Content;
use crate::domain::content::model as domain;
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::enums::graphql_enum;
use crate::graphql::number::int;
use crate::graphql::scalars::Decimal;
use crate::graphql::types::person::Person;

graphql_enum!(domain::ContentKind as ContentKind);
graphql_enum!(domain::Visibility as Visibility);
graphql_enum!(domain::CreditRole as CreditRole);

/// An amount of money in a currency.
#[derive(Clone, Debug, SimpleObject)]
pub struct Money {
    /// Amount in units of the currency, with at most two decimals, as a string: `"149.00"`.
    pub amount: Decimal,
    /// Currency, as an ISO 4217 code: `EUR`.
    pub currency: String,
}

/// A person's contribution to a content item.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub struct Credit {
    /// Role of the person.
    pub role: CreditRole,
    /// Position among the credits of the same role, starting at 0.
    pub position: i32,
    /// Name of the character that the person plays; null for other roles or if unknown.
    pub character: Option<String>,
    #[graphql(skip)]
    person: Id<id::Person>,
    #[graphql(skip)]
    content: Id<id::Content>,
}

#[ComplexObject]
impl Credit {
    /// The credited person; null if the person was deleted.
    async fn person(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        let person = ctx.loaders().people.load_one(self.person).await?;
        Ok(person.map(Into::into))
    }

    /// The item that the credit is for; null if the viewer may not see it.
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

/// Number of users who gave an item a certain tag.
#[derive(Clone, Debug, SimpleObject)]
pub struct TagCount {
    /// The tag as the users wrote it.
    pub tag: String,
    /// Number of users who gave the item this tag.
    pub users: i32,
}

/// Summary of ratings by users of this server. Only the latest rating of each user for an item
/// counts.
#[derive(Clone, Debug, SimpleObject)]
pub struct Ratings {
    /// Number of ratings.
    pub count: i32,
    /// Mean rating in stars, 0.5–5; null if there are no ratings.
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

/// The ID of an item or a user in another system.
#[derive(Clone, Debug, SimpleObject)]
pub struct ExternalId {
    /// Name of the other system, for example `movielens`, `tmdb` or `imdb`.
    pub source: String,
    /// The ID in the other system. It is not named `id`: it is unique neither among the kinds of objects
    /// nor among the sources, and clients with a normalised cache take a field `id` for a key.
    pub value: String,
}
