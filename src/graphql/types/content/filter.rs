//! Which content items to list, and in which order.

use async_graphql::{InputObject, MaybeUndefined};

use super::{ContentKind, Visibility};
use crate::domain::content::model::{self as domain, ContentFilter as Filter};
use crate::foundation::{Id, Refusal, id};
use crate::graphql::connection::order_input;
use crate::graphql::enums::graphql_enum;
use crate::graphql::filter::{
    DateFilter, DateTimeFilter, DecimalFilter, FloatFilter, IntFilter, StringFilter,
    StringListFilter, UserIdFilter, enum_filter, operand, or_none, part, parts,
};

enum_filter! {
    /// Conditions on the kind of a content item.
    ContentKindFilter(ContentKind)
}

enum_filter! {
    /// Conditions on the visibility of a content item.
    VisibilityFilter(Visibility)
}

/// A filter for content items. All given conditions must hold; omitted ones do not restrict the
/// result. At most 100 filters may be nested by `and`, `or` and `not`, with at most 2,000 list
/// values in all.
#[derive(Clone, Debug, Default, InputObject)]
#[graphql(name = "ContentFilter")]
pub struct ContentFilterInput {
    /// Conditions on the kind of the item.
    kind: Option<ContentKindFilter>,
    /// Conditions on the title.
    title: Option<StringFilter>,
    /// Conditions on the genres.
    genres: Option<StringListFilter>,
    /// Conditions on the keywords.
    tags: Option<StringListFilter>,
    /// Conditions on the year of release.
    year: Option<IntFilter>,
    /// Conditions on the running time in minutes.
    duration_minutes: Option<IntFilter>,
    /// Conditions on the original language, an ISO 639 code.
    language: Option<StringFilter>,
    /// Conditions on the mean rating given by the data source, 0–10.
    rating_average: Option<FloatFilter>,
    /// Conditions on the number of ratings at the data source.
    rating_count: Option<IntFilter>,
    /// Conditions on the popularity given by the data source.
    popularity: Option<FloatFilter>,
    /// Conditions on the brand.
    brand: Option<StringFilter>,
    /// Conditions on the merchant.
    merchant: Option<StringFilter>,
    /// Conditions on the categories of the item, at any level of its category path.
    category_path: Option<StringListFilter>,
    /// Conditions on the price, in the item's own currency. If the catalogue has several
    /// currencies, filter by `currency` as well.
    price: Option<DecimalFilter>,
    /// Conditions on the currency, an ISO 4217 code.
    currency: Option<StringFilter>,
    /// Conditions on the number of pieces in stock.
    stock: Option<IntFilter>,
    /// Conditions on the colour.
    color: Option<StringFilter>,
    /// Conditions on the first day of the rights period.
    rights_from: Option<DateFilter>,
    /// Conditions on the last day of the rights period.
    rights_until: Option<DateFilter>,
    /// Conditions on the visibility.
    visibility: Option<VisibilityFilter>,
    /// Conditions on the user who created the item.
    creator: Option<UserIdFilter>,
    /// Conditions on the time when the item was created.
    created_at: Option<DateTimeFilter>,
    /// Conditions on the time when the item was last changed.
    updated_at: Option<DateTimeFilter>,
    /// ID of a person who must be credited for the item.
    person: MaybeUndefined<Id<id::Person>>,
    /// All of these filters must match.
    and: Option<Vec<ContentFilterInput>>,
    /// At least one of these filters must match; an empty list does not restrict the result.
    or: Option<Vec<ContentFilterInput>>,
    /// This filter must not match.
    not: Option<Box<ContentFilterInput>>,
}

impl TryFrom<ContentFilterInput> for Filter {
    type Error = Refusal;

    fn try_from(input: ContentFilterInput) -> Result<Self, Refusal> {
        Ok(Self {
            kind: or_none("kind", input.kind)?,
            title: or_none("title", input.title)?,
            genres: or_none("genres", input.genres)?,
            tags: or_none("tags", input.tags)?,
            year: or_none("year", input.year)?,
            duration_minutes: or_none("durationMinutes", input.duration_minutes)?,
            language: or_none("language", input.language)?,
            rating_average: or_none("ratingAverage", input.rating_average)?,
            rating_count: or_none("ratingCount", input.rating_count)?,
            popularity: or_none("popularity", input.popularity)?,
            brand: or_none("brand", input.brand)?,
            merchant: or_none("merchant", input.merchant)?,
            category_path: or_none("categoryPath", input.category_path)?,
            price: or_none("price", input.price)?,
            currency: or_none("currency", input.currency)?,
            stock: or_none("stock", input.stock)?,
            color: or_none("color", input.color)?,
            rights_from: or_none("rightsFrom", input.rights_from)?,
            rights_until: or_none("rightsUntil", input.rights_until)?,
            visibility: or_none("visibility", input.visibility)?,
            creator: or_none("creator", input.creator)?,
            created_at: or_none("createdAt", input.created_at)?,
            updated_at: or_none("updatedAt", input.updated_at)?,
            person: operand("person", input.person)?,
            and: parts("and", input.and)?,
            or: parts("or", input.or)?,
            not: part("not", input.not)?,
        })
    }
}

graphql_enum!(domain::ContentOrder as ContentOrderField);

order_input! {
    /// Order of a list of content items.
    ContentOrder(domain::ContentOrder)
}
