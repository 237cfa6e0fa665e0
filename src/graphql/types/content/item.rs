//! The content item.

use std::sync::Arc;

use async_graphql::{Context, Json, Object, Result};
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

use super::{ContentKind, Credit, CreditRole, ExternalId, Money, Ratings, TagCount, Visibility};
use crate::domain::content::model as domain;
use crate::foundation::page;
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::number::{double, int};
use crate::graphql::types::generation::Generated;
use crate::graphql::types::person::Person;

/// A thing that can be recommended: a film, a product, a text, a picture, a video or a sound.
#[derive(Clone, Debug)]
pub struct Content(pub Arc<domain::Content>);

impl From<domain::Content> for Content {
    fn from(content: domain::Content) -> Self {
        Self(Arc::new(content))
    }
}

/// A thing that can be recommended: a film, a product, a text, a picture, a video or a sound.
#[Object]
impl Content {
    /// Opaque and unique.
    pub async fn id(&self) -> async_graphql::ID {
        self.0.id.into()
    }

    /// What sort of thing it is.
    async fn kind(&self) -> ContentKind {
        self.0.fields.kind.into()
    }

    /// What it is called.
    async fn title(&self) -> &str {
        &self.0.fields.title
    }

    /// The title in the language it was made in, where that differs.
    async fn original_title(&self) -> Option<&str> {
        self.0.fields.original_title.as_deref()
    }

    /// What it is about; may be empty.
    async fn description(&self) -> &str {
        &self.0.fields.description
    }

    /// Genres, as the source names them.
    async fn genres(&self) -> &[String] {
        &self.0.fields.genres
    }

    /// Key words of the catalogue. Those that users gave are `userTags`.
    async fn tags(&self) -> &[String] {
        &self.0.fields.tags
    }

    /// Year of release.
    async fn year(&self) -> Option<i32> {
        self.0.fields.year
    }

    /// Running time, in minutes.
    async fn duration_minutes(&self) -> Option<i32> {
        self.0.fields.duration_minutes
    }

    /// Original language, ISO 639.
    async fn language(&self) -> Option<&str> {
        self.0.fields.language.as_deref()
    }

    /// Where its picture is.
    async fn poster_url(&self) -> Option<&str> {
        self.0.fields.poster_url.as_deref()
    }

    /// The source's mean vote, on a scale of 0 to 10.
    async fn rating_average(&self) -> Option<f64> {
        self.0.fields.rating_average.map(double)
    }

    /// How many voted at the source.
    async fn rating_count(&self) -> Option<i32> {
        self.0.fields.rating_count
    }

    /// The source's own measure, 0 and up; more is more popular.
    async fn popularity(&self) -> f64 {
        self.0.fields.popularity
    }

    /// Who makes the product.
    async fn brand(&self) -> Option<&str> {
        self.0.fields.brand.as_deref()
    }

    /// Who sells it.
    async fn merchant(&self) -> Option<&str> {
        self.0.fields.merchant.as_deref()
    }

    /// The shelf, from the outermost category inwards.
    async fn category_path(&self) -> &[String] {
        &self.0.fields.category_path
    }

    /// What it costs.
    async fn price(&self) -> Option<Money> {
        money(self.0.fields.price, self.0.fields.currency.as_ref())
    }

    /// What it cost before.
    async fn list_price(&self) -> Option<Money> {
        money(self.0.fields.list_price, self.0.fields.currency.as_ref())
    }

    /// Pieces at hand; null where stock is not counted.
    async fn stock(&self) -> Option<i32> {
        self.0.fields.stock
    }

    /// As the source names it.
    async fn color(&self) -> Option<&str> {
        self.0.fields.color.as_deref()
    }

    /// First day it may be shown.
    async fn rights_from(&self) -> Option<NaiveDate> {
        self.0.fields.rights_from
    }

    /// Last day it may be shown.
    async fn rights_until(&self) -> Option<NaiveDate> {
        self.0.fields.rights_until
    }

    /// How often it may still be broadcast.
    async fn broadcasts_left(&self) -> Option<i32> {
        self.0.fields.broadcasts_left
    }

    /// Who may see it.
    async fn visibility(&self) -> Visibility {
        self.0.fields.visibility.into()
    }

    /// An editor's or a model's measure, 0 to 1.
    async fn quality_score(&self) -> Option<f64> {
        self.0.fields.quality_score.map(double)
    }

    /// Whatever else the source says.
    async fn metadata(&self) -> Json<&serde_json::Value> {
        Json(&self.0.fields.metadata)
    }

    /// When it came into the catalogue.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it last changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at
    }

    /// Who made it, by role and then position; `roles` picks some, `first` at most so many.
    #[graphql(complexity = "10 + child_complexity")]
    async fn credits(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only these roles.")] roles: Option<Vec<CreditRole>>,
        #[graphql(desc = "At most so many, 1 to 100; all where left out.")] first: Option<i32>,
    ) -> Result<Vec<Credit>> {
        let most = match first {
            Some(first) => page::size("first", Some(first))?,
            None => usize::MAX,
        };
        let wanted = |credit: &domain::Credit| {
            roles
                .as_ref()
                .is_none_or(|roles| roles.contains(&credit.role.into()))
        };
        let credits = ctx.loaders().credits.load_one(self.0.id).await?;
        let credits = credits.unwrap_or_default().into_iter();
        Ok(credits.filter(wanted).take(most).map(Into::into).collect())
    }

    /// Who directed it.
    #[graphql(complexity = "2 + child_complexity")]
    async fn directors(&self, ctx: &Context<'_>) -> Result<Vec<Person>> {
        let credits = ctx.loaders().credits.load_one(self.0.id).await?;
        let directors = credits
            .unwrap_or_default()
            .into_iter()
            .filter(|credit| credit.role == domain::CreditRole::Director)
            .map(|credit| credit.person);
        let directors: Vec<Id<id::Person>> = directors.collect();
        let mut found = ctx
            .loaders()
            .people
            .load_many(directors.iter().copied())
            .await?;
        Ok(directors
            .iter()
            .filter_map(|id| found.remove(id))
            .map(Into::into)
            .collect())
    }

    /// Tags that users gave, the most given first.
    #[graphql(complexity = "5 + child_complexity")]
    async fn user_tags(&self, ctx: &Context<'_>) -> Result<Vec<TagCount>> {
        let tags = ctx.loaders().user_tags.load_one(self.0.id).await?;
        let tags = tags.unwrap_or_default().into_iter().map(|tag| TagCount {
            tag: tag.tag,
            users: int(tag.users),
        });
        Ok(tags.collect())
    }

    /// The stars that users of this server gave it.
    #[graphql(complexity = "2 + child_complexity")]
    async fn ratings(&self, ctx: &Context<'_>) -> Result<Ratings> {
        let ratings = ctx.loaders().ratings.load_one(self.0.id).await?;
        Ok(Ratings::from(ratings))
    }

    /// How often users did something to it: viewed, bought, rated, skipped and so on.
    #[graphql(complexity = 2)]
    async fn interaction_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let count = ctx.loaders().interaction_counts.load_one(self.0.id).await?;
        Ok(int(count.unwrap_or_default()))
    }

    /// What other catalogues call it.
    #[graphql(complexity = "2 + child_complexity")]
    async fn external_ids(&self, ctx: &Context<'_>) -> Result<Vec<ExternalId>> {
        let names = ctx.loaders().external_ids.load_one(self.0.id).await?;
        let names = names
            .unwrap_or_default()
            .into_iter()
            .map(|name| ExternalId {
                source: name.source,
                id: name.id,
            });
        Ok(names.collect())
    }

    /// How it, or its poster, was generated; null for what was not, and for those who may not change
    /// the item.
    #[graphql(complexity = "2 + child_complexity")]
    async fn generated(&self, ctx: &Context<'_>) -> Result<Option<Generated>> {
        let generated = ctx.loaders().generated.load_one(self.0.id).await?;
        Ok(generated.map(|generated| Generated(Arc::new(generated))))
    }
}

fn money(amount: Option<Decimal>, currency: Option<&String>) -> Option<Money> {
    Some(Money {
        amount: amount?,
        currency: currency?.clone(),
    })
}
