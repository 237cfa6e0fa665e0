//! Content items: type, queries and mutations.

use std::sync::Arc;

use async_graphql::{
    ComplexObject, Context, Enum, InputObject, Json, MaybeUndefined, Object, Result, SimpleObject,
};
use chrono::{DateTime, NaiveDate, Utc};
use futures::FutureExt;
use rust_decimal::Decimal;

use super::person::Person;
use crate::domain::content::model::{
    self as domain, ContentFilter as Filter, Fields, NewCredit, PersonRef,
};
use crate::foundation::page::{Cursor, Paging, Window};
use crate::foundation::{Id, Refusal, id};
use crate::graphql::connection::{Connection, order_input};
use crate::graphql::error::{payload_errors, settle};
use crate::graphql::filter::{
    DateFilter, DateTimeFilter, DecimalFilter, FloatFilter, IntFilter, OrderDirection,
    StringFilter, StringListFilter, UserIdFilter, enum_filter, or_none,
};
use crate::graphql::number::double;
use crate::graphql::{Query, Reach};

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

/// A thing that can be recommended: a film, a product, a text, a picture, a video or a sound.
#[derive(Clone, Debug)]
pub struct Content(pub Arc<domain::Content>);

impl From<domain::Content> for Content {
    fn from(content: domain::Content) -> Self {
        Self(Arc::new(content))
    }
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
            count: i32::try_from(count).unwrap_or(i32::MAX),
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
            Some(first) => {
                Window::read(Paging {
                    first: Some(first),
                    ..Paging::default()
                })?
                .size
            }
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
            users: i32::try_from(tag.users).unwrap_or(i32::MAX),
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
        Ok(i32::try_from(count.unwrap_or_default()).unwrap_or(i32::MAX))
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
}

fn money(amount: Option<Decimal>, currency: Option<&String>) -> Option<Money> {
    Some(Money {
        amount: amount?,
        currency: currency?.clone(),
    })
}

enum_filter! {
    /// Conditions on the kind of a content item.
    ContentKindFilter(ContentKind)
}

enum_filter! {
    /// Conditions on who may see a content item.
    VisibilityFilter(Visibility)
}

/// Which content items to list. All that is given must hold; what is left out does not filter.
#[derive(Clone, Debug, Default, InputObject)]
#[graphql(name = "ContentFilter")]
pub struct ContentFilterInput {
    /// Conditions on the kind.
    kind: Option<ContentKindFilter>,
    /// Conditions on the title.
    title: Option<StringFilter>,
    /// Conditions on the genres.
    genres: Option<StringListFilter>,
    /// Conditions on the catalogue's key words.
    tags: Option<StringListFilter>,
    /// Conditions on the year of release.
    year: Option<IntFilter>,
    /// Conditions on the running time, in minutes.
    duration_minutes: Option<IntFilter>,
    /// Conditions on the original language, ISO 639.
    language: Option<StringFilter>,
    /// Conditions on the mean rating, 0 to 10.
    rating_average: Option<FloatFilter>,
    /// Conditions on the number of votes.
    rating_count: Option<IntFilter>,
    /// Conditions on the popularity.
    popularity: Option<FloatFilter>,
    /// Conditions on the brand.
    brand: Option<StringFilter>,
    /// Conditions on the merchant.
    merchant: Option<StringFilter>,
    /// Conditions on the categories that the item stands in, at any level.
    category_path: Option<StringListFilter>,
    /// Conditions on the price, in the item's own currency: filter on that too where there are several.
    price: Option<DecimalFilter>,
    /// Conditions on the currency, ISO 4217.
    currency: Option<StringFilter>,
    /// Conditions on the pieces at hand.
    stock: Option<IntFilter>,
    /// Conditions on the colour.
    color: Option<StringFilter>,
    /// Conditions on the first day it may be shown.
    rights_from: Option<DateFilter>,
    /// Conditions on the last day it may be shown.
    rights_until: Option<DateFilter>,
    /// Conditions on who may see it.
    visibility: Option<VisibilityFilter>,
    /// Conditions on its creator.
    creator: Option<UserIdFilter>,
    /// Conditions on when it came into the catalogue.
    created_at: Option<DateTimeFilter>,
    /// Conditions on when it last changed.
    updated_at: Option<DateTimeFilter>,
    /// With a credit of this person.
    person: Option<Id<id::Person>>,
    /// All of these hold.
    and: Option<Vec<ContentFilterInput>>,
    /// At least one of these holds; an empty list does not filter.
    or: Option<Vec<ContentFilterInput>>,
    /// This does not hold.
    not: Option<Box<ContentFilterInput>>,
}

impl From<ContentFilterInput> for Filter {
    fn from(input: ContentFilterInput) -> Self {
        let all = |parts: Option<Vec<ContentFilterInput>>| {
            parts
                .unwrap_or_default()
                .into_iter()
                .map(Into::into)
                .collect()
        };
        Self {
            kind: or_none(input.kind),
            title: or_none(input.title),
            genres: or_none(input.genres),
            tags: or_none(input.tags),
            year: or_none(input.year),
            duration_minutes: or_none(input.duration_minutes),
            language: or_none(input.language),
            rating_average: or_none(input.rating_average),
            rating_count: or_none(input.rating_count),
            popularity: or_none(input.popularity),
            brand: or_none(input.brand),
            merchant: or_none(input.merchant),
            category_path: or_none(input.category_path),
            price: or_none(input.price),
            currency: or_none(input.currency),
            stock: or_none(input.stock),
            color: or_none(input.color),
            rights_from: or_none(input.rights_from),
            rights_until: or_none(input.rights_until),
            visibility: or_none(input.visibility),
            creator: or_none(input.creator),
            created_at: or_none(input.created_at),
            updated_at: or_none(input.updated_at),
            person: input.person,
            and: all(input.and),
            or: all(input.or),
            not: input.not.map(|part| Box::new((*part).into())),
        }
    }
}

/// By what content items are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::ContentOrder")]
pub enum ContentOrderField {
    /// When it came into the catalogue.
    CreatedAt,
    /// The title, by the letters' code points.
    Title,
    /// The year of release.
    Year,
    /// The popularity.
    Popularity,
    /// The mean rating.
    RatingAverage,
    /// The price.
    Price,
}

order_input! {
    /// An order of content items.
    ContentOrder(ContentOrderField)
}

/// Queries about content.
#[derive(Clone, Copy, Default)]
pub struct ContentQuery;

/// Queries about content.
#[Object]
impl ContentQuery {
    /// One content item; null if there is none of this id that the viewer may see.
    async fn content(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] id: Id<id::Content>,
    ) -> Result<Option<Content>> {
        let content = ctx.loaders().content.load_one(id).await?;
        Ok(content.map(Into::into))
    }

    /// The content items that the viewer may list: public ones, their own, and for admins all.
    /// The newest first unless ordered otherwise.
    #[graphql(
        complexity = "first.or(last).unwrap_or(20).clamp(1, 100) as usize * child_complexity"
    )]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn contents(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] filter: Option<ContentFilterInput>,
        #[graphql(desc = "In which order.")] order_by: Option<ContentOrder>,
        #[graphql(desc = "So many from the start, 1 to 100; 20 where left out.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only those behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Content>> {
        let window = Window::read(Paging {
            first,
            after,
            last,
            before,
        })?;
        let filter: Filter = or_none(filter);
        let order = order_by.unwrap_or(ContentOrder {
            field: ContentOrderField::CreatedAt,
            direction: OrderDirection::Desc,
        });
        let by = domain::ContentOrder::from(order.field);
        let ascending = order.direction == OrderDirection::Asc;
        let (services, viewer) = (Arc::clone(ctx.services()), ctx.viewer().clone());
        let page = services
            .content
            .list(&viewer, &filter, (by, ascending), &window)
            .await?
            .map(Content::from);
        let total = move || {
            let (services, viewer, filter) =
                (Arc::clone(&services), viewer.clone(), filter.clone());
            async move { services.content.count(&viewer, &filter).await }.boxed()
        };
        let cursor = move |content: &Content| content.0.cursor(by, ascending).encode();
        Ok(Connection::new(page, cursor, Arc::new(total)))
    }
}

/// A credit to be written: the person by `personId`, or by `name`, found or made.
#[derive(Clone, Debug, InputObject)]
pub struct CreditInput {
    /// A person of the catalogue.
    person_id: Option<Id<id::Person>>,
    /// The name of a person; made if nobody of that name is known.
    name: Option<String>,
    /// What they did.
    role: CreditRole,
    /// Whom they play.
    character: Option<String>,
}

fn credits(inputs: Vec<CreditInput>) -> crate::foundation::Result<Vec<NewCredit>> {
    let read = |(place, input): (usize, CreditInput)| {
        let person = match (input.person_id, input.name) {
            (Some(id), None) => PersonRef::Id(id),
            (None, Some(name)) => PersonRef::Name(name),
            _ => {
                let outer = ["credits".to_owned(), place.to_string()];
                let message = "give either `personId` or `name`";
                return Err(Refusal::invalid("personId", message).under(outer).into());
            }
        };
        Ok(NewCredit {
            person,
            role: input.role.into(),
            character: input.character,
        })
    };
    inputs.into_iter().enumerate().map(read).collect()
}

macro_rules! content_input {
    (
        required { $($(#[$r_doc:meta])* $r:ident: $r_type:ty,)* }
        plain { $($(#[$p_doc:meta])* $p:ident: $p_type:ty,)* }
        optional { $($(#[$o_doc:meta])* $o:ident: $o_type:ty,)* }
    ) => {
        /// A content item to be made.
        #[derive(Clone, Debug, InputObject)]
        pub struct CreateContentInput {
            $($(#[$r_doc])* $r: $r_type,)*
            $($(#[$p_doc])* $p: Option<$p_type>,)*
            $($(#[$o_doc])* $o: Option<$o_type>,)*
            /// Who made it, in the order of their places.
            credits: Option<Vec<CreditInput>>,
        }

        impl CreateContentInput {
            fn fields(self) -> Fields {
                let mut fields = Fields::new(self.kind.into(), self.title);
                $(if let Some(value) = self.$p { fields.$p = value.into(); })*
                $(fields.$o = self.$o.map(Into::into);)*
                fields
            }
        }

        /// A change of a content item: what is left out stays, what is null is emptied.
        #[derive(Clone, Debug, InputObject)]
        pub struct UpdateContentInput {
            /// Which.
            id: Id<id::Content>,
            $($(#[$r_doc])* $r: MaybeUndefined<$r_type>,)*
            $($(#[$p_doc])* $p: MaybeUndefined<$p_type>,)*
            $($(#[$o_doc])* $o: MaybeUndefined<$o_type>,)*
            /// Who made it, in the order of their places; given, it replaces all credits.
            credits: Option<Vec<CreditInput>>,
        }

        impl UpdateContentInput {
            fn apply(self, fields: &mut Fields) {
                // What a required field would be emptied to is what it already is.
                $(if let MaybeUndefined::Value(value) = self.$r { fields.$r = value.into(); })*
                let empty = Fields::new(fields.kind, "");
                $(match self.$p {
                    MaybeUndefined::Value(value) => fields.$p = value.into(),
                    MaybeUndefined::Null => fields.$p = empty.$p,
                    MaybeUndefined::Undefined => {}
                })*
                $(match self.$o {
                    MaybeUndefined::Value(value) => fields.$o = Some(value.into()),
                    MaybeUndefined::Null => fields.$o = None,
                    MaybeUndefined::Undefined => {}
                })*
            }
        }
    };
}

content_input! {
    required {
        /// What sort of thing it is.
        kind: ContentKind,
        /// What it is called, 1 to 500 characters.
        title: String,
    }
    plain {
        /// What it is about, at most 20,000 characters.
        description: String,
        /// Genres, at most 50.
        genres: Vec<String>,
        /// Key words, at most 200.
        tags: Vec<String>,
        /// The source's own measure, 0 and up; more is more popular.
        popularity: f64,
        /// The shelf, from the outermost category inwards.
        category_path: Vec<String>,
        /// Who may see it; everybody where left out.
        visibility: Visibility,
        /// Whatever else there is to say: a JSON object of at most 64 KiB.
        metadata: serde_json::Value,
    }
    optional {
        /// The title in the language it was made in.
        original_title: String,
        /// Year of release, 1800 to 2200.
        year: i32,
        /// Running time, in minutes, 1 to 10,000.
        duration_minutes: i32,
        /// Original language, ISO 639.
        language: String,
        /// Where its picture is.
        poster_url: String,
        /// The source's mean vote, 0 to 10.
        rating_average: f32,
        /// How many voted at the source.
        rating_count: i32,
        /// Who makes the product.
        brand: String,
        /// Who sells it.
        merchant: String,
        /// What it costs, in `currency`, with at most two decimals.
        price: Decimal,
        /// What it cost before, in `currency`.
        list_price: Decimal,
        /// ISO 4217; needed with a price.
        currency: String,
        /// Pieces at hand; null where stock is not counted.
        stock: i32,
        /// As people name it.
        color: String,
        /// First day it may be shown.
        rights_from: NaiveDate,
        /// Last day it may be shown.
        rights_until: NaiveDate,
        /// How often it may still be broadcast.
        broadcasts_left: i32,
        /// An editor's or a model's measure, 0 to 1.
        quality_score: f32,
    }
}

/// Which content item to delete.
#[derive(Clone, Debug, InputObject)]
pub struct DeleteContentInput {
    /// Which.
    id: Id<id::Content>,
}

payload_errors! {
    /// Why `createContent` did not do it.
    CreateContentError: InvalidInput, NotFound
}

payload_errors! {
    /// Why `updateContent` did not do it.
    UpdateContentError: InvalidInput, NotFound
}

payload_errors! {
    /// Why `deleteContent` did not do it.
    DeleteContentError: NotFound, Conflict
}

/// What became of `createContent`.
#[derive(SimpleObject)]
pub struct CreateContentPayload {
    /// The new item; null if there are errors.
    content: Option<Content>,
    /// Why it was not made.
    errors: Vec<CreateContentError>,
    /// The way on.
    query: Query,
}

/// What became of `updateContent`.
#[derive(SimpleObject)]
pub struct UpdateContentPayload {
    /// The changed item; null if there are errors.
    content: Option<Content>,
    /// Why it was not changed.
    errors: Vec<UpdateContentError>,
    /// The way on.
    query: Query,
}

/// What became of `deleteContent`.
#[derive(SimpleObject)]
pub struct DeleteContentPayload {
    /// The id of the item that is gone; null if there are errors.
    deleted_id: Option<Id<id::Content>>,
    /// Why it was not deleted.
    errors: Vec<DeleteContentError>,
    /// The way on.
    query: Query,
}

/// Mutations of content.
#[derive(Clone, Copy, Default)]
pub struct ContentMutation;

/// Mutations of content.
#[Object]
impl ContentMutation {
    /// Adds a content item. Its creator is the signed-in user.
    async fn create_content(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The item.")] input: CreateContentInput,
    ) -> Result<CreateContentPayload> {
        let made = async {
            let mut input = input;
            let credits = credits(input.credits.take().unwrap_or_default())?;
            let (viewer, service) = (ctx.viewer(), &ctx.services().content);
            service.create(viewer, input.fields(), credits).await
        };
        let (content, errors) = settle(made.await)?;
        ctx.loaders().forget();
        Ok(CreateContentPayload {
            content: content.map(Into::into),
            errors,
            query: Query::default(),
        })
    }

    /// Changes a content item: what is left out of the input stays as it is. For its creator and
    /// admins.
    async fn update_content(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The change.")] input: UpdateContentInput,
    ) -> Result<UpdateContentPayload> {
        let changed = async {
            let mut input = input;
            let credits = input.credits.take().map(credits).transpose()?;
            let (viewer, service) = (ctx.viewer(), &ctx.services().content);
            let change = {
                let id = input.id;
                service.update(viewer, id, credits, move |fields| input.apply(fields))
            };
            change.await
        };
        let (content, errors) = settle(changed.await)?;
        ctx.loaders().forget();
        Ok(UpdateContentPayload {
            content: content.map(Into::into),
            errors,
            query: Query::default(),
        })
    }

    /// Hides a content item everywhere, at once. For its creator and admins.
    async fn delete_content(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: DeleteContentInput,
    ) -> Result<DeleteContentPayload> {
        let done = ctx.services().content.delete(ctx.viewer(), input.id).await;
        let (done, errors) = settle(done)?;
        ctx.loaders().forget();
        Ok(DeleteContentPayload {
            deleted_id: done.map(|()| input.id),
            errors,
            query: Query::default(),
        })
    }
}

impl domain::Content {
    /// The item's place in the list that is ordered so.
    pub(super) fn cursor(&self, by: domain::ContentOrder, ascending: bool) -> Cursor {
        let fields = &self.fields;
        let (name, value) = match by {
            domain::ContentOrder::CreatedAt => ("createdAt", serde_json::json!(self.created_at)),
            domain::ContentOrder::Title => ("title", fields.title.clone().into()),
            domain::ContentOrder::Year => ("year", fields.year.into()),
            domain::ContentOrder::Popularity => {
                ("popularity", fields.popularity.to_string().into())
            }
            domain::ContentOrder::RatingAverage => {
                let rating = fields
                    .rating_average
                    .map(|rating| f64::from(rating).to_string());
                ("ratingAverage", rating.into())
            }
            domain::ContentOrder::Price => ("price", serde_json::json!(fields.price)),
        };
        let direction = if ascending { "asc" } else { "desc" };
        Cursor {
            order: format!("{name} {direction}"),
            value,
            id: self.id.uuid(),
        }
    }
}
