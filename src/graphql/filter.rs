//! Filter inputs: typed conditions on one field. All conditions that are given must hold.

use async_graphql::InputObject;
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

use crate::foundation::filter::{Comparison, Text, TextList};
use crate::foundation::{Id, id};

macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident($type:ty);)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Default, InputObject)]
            pub struct $name {
                /// Equal to this value.
                pub eq: Option<$type>,
                /// Equal to one of these values; an empty list matches nothing.
                #[graphql(name = "in")]
                pub one_of: Option<Vec<$type>>,
                /// Less than this value.
                pub lt: Option<$type>,
                /// Less than or equal to this value.
                pub lte: Option<$type>,
                /// Greater than this value.
                pub gt: Option<$type>,
                /// Greater than or equal to this value.
                pub gte: Option<$type>,
                /// If true, the value must be missing; if false, it must be present.
                pub is_null: Option<bool>,
            }

            impl From<$name> for Comparison<$type> {
                fn from(input: $name) -> Self {
                    Self {
                        eq: input.eq,
                        one_of: input.one_of,
                        lt: input.lt,
                        lte: input.lte,
                        gt: input.gt,
                        gte: input.gte,
                        is_null: input.is_null,
                    }
                }
            }
        )*
    };
}

comparisons! {
    /// Conditions on an integer. All given conditions must hold.
    IntFilter(i32);
    /// Conditions on a number. All given conditions must hold.
    FloatFilter(f64);
    /// Conditions on a decimal number. All given conditions must hold.
    DecimalFilter(Decimal);
    /// Conditions on a time. All given conditions must hold.
    DateTimeFilter(DateTime<Utc>);
    /// Conditions on a date. All given conditions must hold.
    DateFilter(NaiveDate);
}

/// Conditions on a text. All given conditions must hold.
#[derive(Clone, Debug, Default, InputObject)]
pub struct StringFilter {
    /// Equal to this text; case-sensitive.
    pub eq: Option<String>,
    /// Equal to one of these texts, case-sensitive; an empty list matches nothing.
    #[graphql(name = "in")]
    pub one_of: Option<Vec<String>>,
    /// Contains this text; case-insensitive.
    pub contains: Option<String>,
    /// Starts with this text; case-insensitive.
    pub starts_with: Option<String>,
    /// If true, the text must be missing; if false, it must be present.
    pub is_null: Option<bool>,
}

impl From<StringFilter> for Text {
    fn from(input: StringFilter) -> Self {
        Self {
            eq: input.eq,
            one_of: input.one_of,
            contains: input.contains,
            starts_with: input.starts_with,
            is_null: input.is_null,
        }
    }
}

/// Conditions on a list of texts. All given conditions must hold; texts are compared
/// case-sensitively.
#[derive(Clone, Debug, Default, InputObject)]
pub struct StringListFilter {
    /// The list contains this text.
    pub has: Option<String>,
    /// The list contains at least one of these texts.
    pub has_any: Option<Vec<String>>,
    /// The list contains all of these texts.
    pub has_all: Option<Vec<String>>,
    /// If true, the list must be empty; if false, it must not be empty.
    pub is_empty: Option<bool>,
}

impl From<StringListFilter> for TextList {
    fn from(input: StringListFilter) -> Self {
        Self {
            has: input.has,
            has_any: input.has_any,
            has_all: input.has_all,
            is_empty: input.is_empty,
        }
    }
}

/// Conditions on a user. All given conditions must hold.
#[derive(Clone, Debug, Default, InputObject)]
pub struct UserIdFilter {
    /// ID that the user must have.
    pub eq: Option<Id<id::User>>,
    /// IDs of which the user must have one; an empty list matches nothing.
    #[graphql(name = "in")]
    pub one_of: Option<Vec<Id<id::User>>>,
    /// If true, there must be no user; if false, there must be one.
    pub is_null: Option<bool>,
}

impl From<UserIdFilter> for Comparison<Id<id::User>> {
    fn from(input: UserIdFilter) -> Self {
        Self {
            eq: input.eq,
            one_of: input.one_of,
            is_null: input.is_null,
            ..Self::default()
        }
    }
}

/// Conditions on a content item. All given conditions must hold.
#[derive(Clone, Debug, Default, InputObject)]
pub struct ContentIdFilter {
    /// ID that the item must have.
    pub eq: Option<Id<id::Content>>,
    /// IDs of which the item must have one; an empty list matches nothing.
    #[graphql(name = "in")]
    pub one_of: Option<Vec<Id<id::Content>>>,
}

impl From<ContentIdFilter> for Comparison<Id<id::Content>> {
    fn from(input: ContentIdFilter) -> Self {
        Self {
            eq: input.eq,
            one_of: input.one_of,
            ..Self::default()
        }
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
            pub eq: Option<$type>,
            /// Equal to one of these values; an empty list matches nothing.
            #[graphql(name = "in")]
            pub one_of: Option<Vec<$type>>,
        }

        impl<T: From<$type>> From<$name> for $crate::foundation::filter::Comparison<T> {
            fn from(input: $name) -> Self {
                Self {
                    eq: input.eq.map(Into::into),
                    one_of: input
                        .one_of
                        .map(|values| values.into_iter().map(Into::into).collect()),
                    ..Self::default()
                }
            }
        }
    };
}

pub use crate::__enum_filter as enum_filter;

/// The conditions of an optional filter input; none where it is missing.
pub fn or_none<I: Into<F>, F: Default>(input: Option<I>) -> F {
    input.map(Into::into).unwrap_or_default()
}

/// The parts of `and` or `or`; none where they are missing.
pub fn parts<I: Into<F>, F>(inputs: Option<Vec<I>>) -> Vec<F> {
    let inputs = inputs.unwrap_or_default().into_iter();
    inputs.map(Into::into).collect()
}

/// The part of `not`.
pub fn part<I: Into<F>, F>(input: Option<Box<I>>) -> Option<Box<F>> {
    input.map(|input| Box::new((*input).into()))
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
