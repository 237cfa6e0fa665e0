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
                /// Equal to this.
                pub eq: Option<$type>,
                /// One of these; an empty list matches nothing.
                #[graphql(name = "in")]
                pub one_of: Option<Vec<$type>>,
                /// Less than this.
                pub lt: Option<$type>,
                /// At most this.
                pub lte: Option<$type>,
                /// More than this.
                pub gt: Option<$type>,
                /// At least this.
                pub gte: Option<$type>,
                /// Whether the value is missing.
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
    /// Conditions on a whole number.
    IntFilter(i32);
    /// Conditions on a number.
    FloatFilter(f64);
    /// Conditions on an amount of money.
    DecimalFilter(Decimal);
    /// Conditions on a moment.
    DateTimeFilter(DateTime<Utc>);
    /// Conditions on a day.
    DateFilter(NaiveDate);
}

/// Conditions on a text.
#[derive(Clone, Debug, Default, InputObject)]
pub struct StringFilter {
    /// Equal to this, letter by letter.
    pub eq: Option<String>,
    /// One of these; an empty list matches nothing.
    #[graphql(name = "in")]
    pub one_of: Option<Vec<String>>,
    /// Contains this, whatever the case.
    pub contains: Option<String>,
    /// Starts with this, whatever the case.
    pub starts_with: Option<String>,
    /// Whether the text is missing.
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

/// Conditions on a list of texts.
#[derive(Clone, Debug, Default, InputObject)]
pub struct StringListFilter {
    /// Has this among its members.
    pub has: Option<String>,
    /// Has at least one of these.
    pub has_any: Option<Vec<String>>,
    /// Has all of these.
    pub has_all: Option<Vec<String>>,
    /// Whether the list has no member.
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

/// Conditions on a user.
#[derive(Clone, Debug, Default, InputObject)]
pub struct UserIdFilter {
    /// This user.
    pub eq: Option<Id<id::User>>,
    /// One of these; an empty list matches nothing.
    #[graphql(name = "in")]
    pub one_of: Option<Vec<Id<id::User>>>,
    /// Whether there is no user.
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

/// Conditions on a content item.
#[derive(Clone, Debug, Default, InputObject)]
pub struct ContentIdFilter {
    /// This item.
    pub eq: Option<Id<id::Content>>,
    /// One of these; an empty list matches nothing.
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
            /// Equal to this.
            pub eq: Option<$type>,
            /// One of these; an empty list matches nothing.
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

/// Which way round an order goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, async_graphql::Enum)]
pub enum OrderDirection {
    /// The smallest, earliest or first in the alphabet first.
    #[default]
    Asc,
    /// The largest, latest or last in the alphabet first.
    Desc,
}

impl OrderDirection {
    /// Whether the smallest comes first.
    pub fn ascending(self) -> bool {
        self == Self::Asc
    }
}
