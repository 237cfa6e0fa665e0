//! Which content items to list, and in which order.

use async_graphql::{Enum, InputObject};

use super::{ContentKind, Visibility};
use crate::domain::content::model::{self as domain, ContentFilter as Filter};
use crate::foundation::{Id, id};
use crate::graphql::connection::order_input;
use crate::graphql::filter::{
    DateFilter, DateTimeFilter, DecimalFilter, FloatFilter, IntFilter, StringFilter,
    StringListFilter, UserIdFilter, enum_filter, or_none, part, parts,
};

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
            and: parts(input.and),
            or: parts(input.or),
            not: part(input.not),
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
    ContentOrder(ContentOrderField => domain::ContentOrder)
}
