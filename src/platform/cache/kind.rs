//! What is cached, and for how long.

use chrono::TimeDelta;

use crate::foundation::text_enum;

/// What a cached value is for. Each kind has its own time to live and its own figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CacheKind {
    /// Results of searches.
    Search,
    /// Lists of recommendations.
    Lists,
    /// What the batch model says for a user, blended.
    Batch,
    /// What changes with the catalogue alone.
    Metadata,
    /// The vectors of users.
    UserVectors,
    /// The vectors of items that are asked for often.
    HotVectors,
    /// Whole answers to queries.
    Answers,
}

text_enum!(CacheKind {
    Search = "SEARCH",
    Lists = "LISTS",
    Batch = "BATCH",
    Metadata = "METADATA",
    UserVectors = "USER_VECTORS",
    HotVectors = "HOT_VECTORS",
    Answers = "ANSWERS",
});

impl CacheKind {
    /// How long a value lives. A write that touches it ends its life earlier.
    pub const fn time_to_live(self) -> TimeDelta {
        match self {
            Self::Lists | Self::Answers => TimeDelta::minutes(2),
            Self::Search => TimeDelta::minutes(5),
            Self::UserVectors => TimeDelta::minutes(30),
            Self::Batch | Self::Metadata => TimeDelta::hours(1),
            Self::HotVectors => TimeDelta::hours(2),
        }
    }
}
