//! Kinds of cached values, with their time to live.

use chrono::TimeDelta;

use crate::foundation::text_enum;

text_enum! {
    /// Kind of cached values.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum CacheKind {
        /// Recommendation lists, trends and similar items; cached for at most 2 minutes.
        Lists = "LISTS",
        /// Values that rarely change, such as long-term trends; cached for at most 1 hour.
        Metadata = "METADATA",
        /// Ranked results of searches, which lists about a query share; cached for at most 1 hour in the
        /// memory of one server.
        Searches = "SEARCHES",
        /// Complete responses to queries; cached for at most 2 minutes. Clearing another kind clears
        /// these as well.
        Answers = "ANSWERS",
        /// Documents of automatic persisted queries; cached for an hour.
        Documents = "DOCUMENTS",
    }
}

impl CacheKind {
    /// The time to live of a value. An invalidation ends it earlier.
    pub const fn time_to_live(self) -> TimeDelta {
        match self {
            Self::Lists | Self::Answers => TimeDelta::minutes(2),
            // Anybody may send a document: what nobody asks for again must not pile up in Redis.
            Self::Metadata | Self::Searches | Self::Documents => TimeDelta::hours(1),
        }
    }
}
