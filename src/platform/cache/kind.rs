//! What is cached, and for how long.

use chrono::TimeDelta;

use crate::foundation::text_enum;

/// What a cached value is for. Each kind has its own time to live and its own figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CacheKind {
    /// Lists of recommendations.
    Lists,
    /// What changes with the catalogue alone.
    Metadata,
    /// Whole answers to queries.
    Answers,
}

text_enum!(CacheKind {
    Lists = "LISTS",
    Metadata = "METADATA",
    Answers = "ANSWERS",
});

impl CacheKind {
    /// How long a value lives. A write that touches it ends its life earlier.
    pub const fn time_to_live(self) -> TimeDelta {
        match self {
            Self::Lists | Self::Answers => TimeDelta::minutes(2),
            Self::Metadata => TimeDelta::hours(1),
        }
    }
}
