//! Filter inputs: typed conditions on one field. All conditions that are given must hold.

use async_graphql::{InputObject, MaybeUndefined};

use super::scalars::{Date, DateTime, Decimal};
use crate::foundation::filter::{Comparison, Text, TextList};
use crate::foundation::{Id, Refusal, id};

/// What an operand that is null is answered with. A comparison with null holds for nothing in SQL, and what is
/// left out does not filter: a client that sends null means one of them, and we do not know which.
const NULL_OPERAND: &str = "null cannot be compared with; leave the operand out, or use `isNull: true` for \
     values that are missing";

/// The value of an operand; `None` where it is left out.
///
/// # Errors
/// [`Refusal::InvalidInput`] for null.
pub fn operand<T>(name: &str, given: MaybeUndefined<T>) -> Result<Option<T>, Refusal> {
    match given {
        MaybeUndefined::Value(value) => Ok(Some(value)),
        MaybeUndefined::Undefined => Ok(None),
        MaybeUndefined::Null => Err(Refusal::invalid(name, NULL_OPERAND)),
    }
}

/// The same in the form of the domain.
fn converted<T, U: From<T>>(name: &str, given: MaybeUndefined<T>) -> Result<Option<U>, Refusal> {
    Ok(operand(name, given)?.map(Into::into))
}

/// The same of an operand that is a list.
pub fn list_of<T, U: From<T>>(
    name: &str,
    given: MaybeUndefined<Vec<T>>,
) -> Result<Option<Vec<U>>, Refusal> {
    let values = operand(name, given)?;
    Ok(values.map(|values| values.into_iter().map(Into::into).collect()))
}

macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident($type:ty => $domain:ty);)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Default, InputObject)]
            pub struct $name {
                /// Equal to this value.
                pub eq: MaybeUndefined<$type>,
                /// Equal to one of these values; an empty list matches nothing.
                #[graphql(name = "in")]
                pub one_of: MaybeUndefined<Vec<$type>>,
                /// Less than this value.
                pub lt: MaybeUndefined<$type>,
                /// Less than or equal to this value.
                pub lte: MaybeUndefined<$type>,
                /// Greater than this value.
                pub gt: MaybeUndefined<$type>,
                /// Greater than or equal to this value.
                pub gte: MaybeUndefined<$type>,
                /// If true, the value must be missing; if false, it must be present.
                pub is_null: MaybeUndefined<bool>,
            }

            impl TryFrom<$name> for Comparison<$domain> {
                type Error = Refusal;

                fn try_from(input: $name) -> Result<Self, Refusal> {
                    Ok(Self {
                        eq: converted("eq", input.eq)?,
                        one_of: list_of("in", input.one_of)?,
                        lt: converted("lt", input.lt)?,
                        lte: converted("lte", input.lte)?,
                        gt: converted("gt", input.gt)?,
                        gte: converted("gte", input.gte)?,
                        is_null: operand("isNull", input.is_null)?,
                    })
                }
            }
        )*
    };
}

comparisons! {
    /// Conditions on an integer. All given conditions must hold; an operand cannot be null.
    IntFilter(i32 => i32);
    /// Conditions on a number. All given conditions must hold; an operand cannot be null.
    FloatFilter(f64 => f64);
    /// Conditions on a decimal number. All given conditions must hold; an operand cannot be null.
    DecimalFilter(Decimal => rust_decimal::Decimal);
    /// Conditions on a time. All given conditions must hold; an operand cannot be null.
    DateTimeFilter(DateTime => chrono::DateTime<chrono::Utc>);
    /// Conditions on a date. All given conditions must hold; an operand cannot be null.
    DateFilter(Date => chrono::NaiveDate);
}

/// Conditions on a text. All given conditions must hold; an operand cannot be null.
#[derive(Clone, Debug, Default, InputObject)]
pub struct StringFilter {
    /// Equal to this text; case-sensitive.
    pub eq: MaybeUndefined<String>,
    /// Equal to one of these texts, case-sensitive; an empty list matches nothing.
    #[graphql(name = "in")]
    pub one_of: MaybeUndefined<Vec<String>>,
    /// Contains this text; case-insensitive.
    pub contains: MaybeUndefined<String>,
    /// Starts with this text; case-insensitive.
    pub starts_with: MaybeUndefined<String>,
    /// If true, the text must be missing; if false, it must be present.
    pub is_null: MaybeUndefined<bool>,
}

impl TryFrom<StringFilter> for Text {
    type Error = Refusal;

    fn try_from(input: StringFilter) -> Result<Self, Refusal> {
        Ok(Self {
            eq: operand("eq", input.eq)?,
            one_of: operand("in", input.one_of)?,
            contains: operand("contains", input.contains)?,
            starts_with: operand("startsWith", input.starts_with)?,
            is_null: operand("isNull", input.is_null)?,
        })
    }
}

/// Conditions on a list of texts. All given conditions must hold; texts are compared
/// case-sensitively. An operand cannot be null.
#[derive(Clone, Debug, Default, InputObject)]
pub struct StringListFilter {
    /// The list contains this text.
    pub has: MaybeUndefined<String>,
    /// The list contains at least one of these texts.
    pub has_any: MaybeUndefined<Vec<String>>,
    /// The list contains all of these texts.
    pub has_all: MaybeUndefined<Vec<String>>,
    /// If true, the list must be empty; if false, it must not be empty.
    pub is_empty: MaybeUndefined<bool>,
}

impl TryFrom<StringListFilter> for TextList {
    type Error = Refusal;

    fn try_from(input: StringListFilter) -> Result<Self, Refusal> {
        Ok(Self {
            has: operand("has", input.has)?,
            has_any: operand("hasAny", input.has_any)?,
            has_all: operand("hasAll", input.has_all)?,
            is_empty: operand("isEmpty", input.is_empty)?,
        })
    }
}

/// Conditions on a user. All given conditions must hold; an operand cannot be null.
#[derive(Clone, Debug, Default, InputObject)]
pub struct UserIdFilter {
    /// ID that the user must have.
    pub eq: MaybeUndefined<Id<id::User>>,
    /// IDs of which the user must have one; an empty list matches nothing.
    #[graphql(name = "in")]
    pub one_of: MaybeUndefined<Vec<Id<id::User>>>,
    /// If true, there must be no user; if false, there must be one.
    pub is_null: MaybeUndefined<bool>,
}

impl TryFrom<UserIdFilter> for Comparison<Id<id::User>> {
    type Error = Refusal;

    fn try_from(input: UserIdFilter) -> Result<Self, Refusal> {
        Ok(Self {
            eq: operand("eq", input.eq)?,
            one_of: operand("in", input.one_of)?,
            is_null: operand("isNull", input.is_null)?,
            ..Self::default()
        })
    }
}

/// Conditions on a content item. All given conditions must hold; an operand cannot be null.
#[derive(Clone, Debug, Default, InputObject)]
pub struct ContentIdFilter {
    /// ID that the item must have.
    pub eq: MaybeUndefined<Id<id::Content>>,
    /// IDs of which the item must have one; an empty list matches nothing.
    #[graphql(name = "in")]
    pub one_of: MaybeUndefined<Vec<Id<id::Content>>>,
}

impl TryFrom<ContentIdFilter> for Comparison<Id<id::Content>> {
    type Error = Refusal;

    fn try_from(input: ContentIdFilter) -> Result<Self, Refusal> {
        Ok(Self {
            eq: operand("eq", input.eq)?,
            one_of: operand("in", input.one_of)?,
            ..Self::default()
        })
    }
}

/// Declares the filter input of an enum: `eq` and `in`.
#[macro_export]
#[doc(hidden)]
macro_rules! __enum_filter {
    ($(#[$doc:meta])* $name:ident($type:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, async_graphql::InputObject)]
        pub struct $name {
            /// Equal to this value.
            pub eq: async_graphql::MaybeUndefined<$type>,
            /// Equal to one of these values; an empty list matches nothing.
            #[graphql(name = "in")]
            pub one_of: async_graphql::MaybeUndefined<Vec<$type>>,
        }

        impl<T: From<$type>> TryFrom<$name> for $crate::foundation::filter::Comparison<T> {
            type Error = $crate::foundation::Refusal;

            fn try_from(input: $name) -> Result<Self, $crate::foundation::Refusal> {
                use $crate::graphql::filter::{list_of, operand};
                Ok(Self {
                    eq: operand("eq", input.eq)?.map(Into::into),
                    one_of: list_of("in", input.one_of)?,
                    ..Self::default()
                })
            }
        }
    };
}

pub use crate::__enum_filter as enum_filter;

/// The conditions of the filter input `name`; none where it is missing or null.
///
/// # Errors
/// [`Refusal::InvalidInput`] for an operand that is null.
pub fn or_none<I, F>(name: &str, input: Option<I>) -> Result<F, Refusal>
where
    F: TryFrom<I, Error = Refusal> + Default,
{
    let read = |input: I| F::try_from(input).map_err(|refusal| refusal.under([name.to_owned()]));
    input.map(read).transpose().map(Option::unwrap_or_default)
}

/// The parts of `and` or `or`; none where they are missing.
///
/// # Errors
/// [`Refusal::InvalidInput`] for an operand that is null.
pub fn parts<I, F>(name: &str, inputs: Option<Vec<I>>) -> Result<Vec<F>, Refusal>
where
    F: TryFrom<I, Error = Refusal>,
{
    let inputs = inputs.unwrap_or_default().into_iter().enumerate();
    let read = |(index, input): (usize, I)| {
        F::try_from(input).map_err(|refusal| refusal.under([name.to_owned(), index.to_string()]))
    };
    inputs.map(read).collect()
}

/// The part of `not`.
///
/// # Errors
/// [`Refusal::InvalidInput`] for an operand that is null.
pub fn part<I, F>(name: &str, input: Option<Box<I>>) -> Result<Option<Box<F>>, Refusal>
where
    F: TryFrom<I, Error = Refusal>,
{
    let read =
        |input: Box<I>| F::try_from(*input).map_err(|refusal| refusal.under([name.to_owned()]));
    Ok(input.map(read).transpose()?.map(Box::new))
}

/// Direction of an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, async_graphql::Enum)]
pub enum OrderDirection {
    /// Ascending: smallest, earliest or alphabetically first value first.
    #[default]
    Asc,
    /// Descending: largest, latest or alphabetically last value first.
    Desc,
}

impl OrderDirection {
    /// Whether the smallest comes first.
    pub fn ascending(self) -> bool {
        self == Self::Asc
    }
}
