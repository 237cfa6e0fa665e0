//! The content item.

use std::sync::Arc;

use async_graphql::{Context, Object, Result};

use super::{ContentKind, Credit, CreditRole, ExternalId, Money, Ratings, TagCount, Visibility};
use crate::domain::content::model as domain;
use crate::foundation::page;
use crate::foundation::{Id, id};
use crate::graphql::ContextExt;
use crate::graphql::number::{double, int};
use crate::graphql::scalars::{Date, DateTime, Decimal, Json};
use crate::graphql::types::generation::Generated;
use crate::graphql::types::person::Person;

/// An item of the catalogue that can be recommended: a film, product, text, image, video or audio
/// recording.
#[derive(Clone, Debug)]
pub struct Content(pub Arc<domain::Content>);

impl From<domain::Content> for Content {
    fn from(content: domain::Content) -> Self {
        Self(Arc::new(content))
    }
}

/// An item of the catalogue that can be recommended: a film, product, text, image, video or audio
/// recording.
#[Object]
impl Content {
    /// Opaque, globally unique ID.
    pub async fn id(&self) -> async_graphql::ID {
        self.0.id.into()
    }

    /// Kind of the item.
    async fn kind(&self) -> ContentKind {
        self.0.fields.kind.into()
    }

    /// Title of the item.
    async fn title(&self) -> &str {
        &self.0.fields.title
    }

    /// Title in the original language; null if it does not differ from `title` or is unknown.
    async fn original_title(&self) -> Option<&str> {
        self.0.fields.original_title.as_deref()
    }

    /// Description of the item; may be empty.
    async fn description(&self) -> &str {
        &self.0.fields.description
    }

    /// Genres of the item, as named by its data source.
    async fn genres(&self) -> &[String] {
        &self.0.fields.genres
    }

    /// Keywords of the item, as given by its data source. Tags given by users are `userTags`.
    async fn tags(&self) -> &[String] {
        &self.0.fields.tags
    }

    /// Year of release; null if unknown.
    async fn year(&self) -> Option<i32> {
        self.0.fields.year
    }

    /// Running time in minutes; null if unknown.
    async fn duration_minutes(&self) -> Option<i32> {
        self.0.fields.duration_minutes
    }

    /// Original language, as an ISO 639 code; null if unknown.
    async fn language(&self) -> Option<&str> {
        self.0.fields.language.as_deref()
    }

    /// URL of the poster or product image; null if there is none. Absolute for files of this server.
    async fn poster_url(&self, ctx: &Context<'_>) -> Option<String> {
        let address = self.0.fields.poster_url.as_deref();
        address.map(|address| ctx.absolute(address))
    }

    /// Mean rating according to the data source, 0–10; null if unknown. Ratings by users of this
    /// server are `ratings`.
    async fn rating_average(&self) -> Option<f64> {
        self.0.fields.rating_average.map(double)
    }

    /// Number of ratings at the data source; null if unknown.
    async fn rating_count(&self) -> Option<i32> {
        self.0.fields.rating_count
    }

    /// Popularity according to the data source, 0 or more. The scale is that of the source.
    async fn popularity(&self) -> f64 {
        self.0.fields.popularity
    }

    /// Brand of the product; null if unknown.
    async fn brand(&self) -> Option<&str> {
        self.0.fields.brand.as_deref()
    }

    /// Merchant who sells the product; null if unknown.
    async fn merchant(&self) -> Option<&str> {
        self.0.fields.merchant.as_deref()
    }

    /// Categories that the item belongs to, from the broadest to the most specific.
    async fn category_path(&self) -> &[String] {
        &self.0.fields.category_path
    }

    /// Price of the item; null if unknown.
    async fn price(&self) -> Option<Money> {
        money(self.0.fields.price, self.0.fields.currency.as_ref())
    }

    /// Former or recommended price of the item; null if unknown.
    async fn list_price(&self) -> Option<Money> {
        money(self.0.fields.list_price, self.0.fields.currency.as_ref())
    }

    /// Number of pieces in stock; null if stock is not tracked.
    async fn stock(&self) -> Option<i32> {
        self.0.fields.stock
    }

    /// Colour of the product, as named by its data source; null if unknown.
    async fn color(&self) -> Option<&str> {
        self.0.fields.color.as_deref()
    }

    /// First day of the rights period; null if it has no start. The item is not recommended
    /// earlier.
    async fn rights_from(&self) -> Option<Date> {
        self.0.fields.rights_from.map(Date)
    }

    /// Last day of the rights period; null if it has no end. The item is not recommended later.
    async fn rights_until(&self) -> Option<Date> {
        self.0.fields.rights_until.map(Date)
    }

    /// Number of broadcasts that the rights still allow; null if it is not limited.
    async fn broadcasts_left(&self) -> Option<i32> {
        self.0.fields.broadcasts_left
    }

    /// Who may see the item.
    async fn visibility(&self) -> Visibility {
        self.0.fields.visibility.into()
    }

    /// Quality of the item as judged by editors or a model, 0–1; null if unknown.
    async fn quality_score(&self) -> Option<f64> {
        self.0.fields.quality_score.map(double)
    }

    /// Additional properties given by the data source, as a JSON object.
    async fn metadata(&self) -> Json {
        Json::from(&self.0.fields.metadata)
    }

    /// Time when the item was created in this catalogue.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// Time when the item was last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at)
    }

    /// Credits of the item, ordered by role and position.
    #[graphql(complexity = "10 + child_complexity")]
    async fn credits(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Return only credits of these roles (default: all roles).")] roles: Option<
            Vec<CreditRole>,
        >,
        #[graphql(desc = "Number of credits to return at most, 1–100 (default: all).")]
        first: Option<i32>,
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

    /// The people who directed the item.
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

    /// Tags that users gave the item, most frequent first.
    #[graphql(complexity = "5 + child_complexity")]
    async fn user_tags(&self, ctx: &Context<'_>) -> Result<Vec<TagCount>> {
        let tags = ctx.loaders().user_tags.load_one(self.0.id).await?;
        let tags = tags.unwrap_or_default().into_iter().map(|tag| TagCount {
            tag: tag.tag,
            users: int(tag.users),
        });
        Ok(tags.collect())
    }

    /// Summary of the ratings given by users of this server.
    #[graphql(complexity = "2 + child_complexity")]
    async fn ratings(&self, ctx: &Context<'_>) -> Result<Ratings> {
        let ratings = ctx.loaders().ratings.load_one(self.0.id).await?;
        Ok(Ratings::from(ratings))
    }

    /// Number of interactions of all users with the item, of all kinds.
    #[graphql(complexity = 2)]
    async fn interaction_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let count = ctx.loaders().interaction_counts.load_one(self.0.id).await?;
        Ok(int(count.unwrap_or_default()))
    }

    /// IDs of the item in other catalogues.
    #[graphql(complexity = "2 + child_complexity")]
    async fn external_ids(&self, ctx: &Context<'_>) -> Result<Vec<ExternalId>> {
        let names = ctx.loaders().external_ids.load_one(self.0.id).await?;
        let names = names
            .unwrap_or_default()
            .into_iter()
            .map(|name| ExternalId {
                source: name.source,
                value: name.value,
            });
        Ok(names.collect())
    }

    /// How the item or its poster was generated. Null if it was not, and for viewers who may not
    /// change the item.
    #[graphql(complexity = "2 + child_complexity")]
    async fn generated(&self, ctx: &Context<'_>) -> Result<Option<Generated>> {
        let generated = ctx.loaders().generated.load_one(self.0.id).await?;
        Ok(generated.map(|generated| Generated(Arc::new(generated))))
    }
}

fn money(amount: Option<rust_decimal::Decimal>, currency: Option<&String>) -> Option<Money> {
    Some(Money {
        amount: Decimal(amount?),
        currency: currency?.clone(),
    })
}
