//! Kinds of cached values, with their time to live.

use chrono::TimeDelta;

use crate::foundation::text_enum;

/// The kind of a cached value. Each kind has its own time to live and statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CacheKind {
    /// Lists of recommendations.
    Lists,
    /// Values that depend on the catalogue alone.
    Metadata,
    /// Whole responses to queries.
    Answers,
}

text_enum!(CacheKind {
    Lists = "LISTS",
    Metadata = "METADATA",
    Answers = "ANSWERS",
});

impl CacheKind {
    /// The time to live of a value. An invalidation ends it earlier.
    pub const fn time_to_live(self) -> TimeDelta {
        match self {
            Self::Lists | Self::Answers => TimeDelta::minutes(2),
            Self::Metadata => TimeDelta::hours(1),
        }
    }
}
