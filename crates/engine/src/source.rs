//! Occasions of lists, and the sources of candidates.

use serde::{Deserialize, Serialize};

use foundation::text_enum;

text_enum! {
    /// The context that a recommendation list is shown in. It determines which sources are used.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub enum Context {
        /// A personal feed from the whole catalogue. All items are of one kind unless `filter` contains
        /// a condition on the kind.
        #[default]
        Feed = "FEED",
        /// Personal recommendations from one part of the catalogue. Requires `filter`.
        Category = "CATEGORY",
        /// Items that match a search query, ordered for the user. Requires `query`.
        Search = "SEARCH",
        /// Items similar to a given item, ordered for the user. Requires `contentId`.
        Similar = "SIMILAR",
    }
}

text_enum! {
    /// A source of recommended items.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub enum Source {
        /// Collaborative filtering: users with similar interactions liked the item.
        Collaborative = "COLLABORATIVE",
        /// Similarity of the item's embedding to the long-term interests of the user.
        Interests = "INTERESTS",
        /// Similarity of the item's embedding to the user's interactions in the current session.
        Session = "SESSION",
        /// Similarity of the item's embedding to the item that the list is about.
        Similar = "SIMILAR",
        /// Co-occurrence: users with positive interactions with the item that the list is about have
        /// them with this item, too.
        Together = "TOGETHER",
        /// Relevance to the search query, by words and by meaning.
        Query = "QUERY",
        /// Popularity among all users, recent interactions counting most.
        Popular = "POPULAR",
        /// Items most recently added to the catalogue.
        New = "NEW",
        /// Any other available item that matches the filter, ordered by the popularity given by its
        /// data source.
        Any = "ANY",
        /// The item was placed at this rank by the argument `pin`.
        Pinned = "PINNED",
    }
}

/// A set of sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources(i16);

impl Sources {
    /// The set that the database holds as these bits.
    pub fn from_bits(bits: i16) -> Self {
        Self(bits)
    }

    /// The set as bits, one a source, in the order of the type.
    pub fn bits(self) -> i16 {
        self.0
    }

    /// The set with `source` in it.
    #[must_use]
    pub fn with(self, source: Source) -> Self {
        Self(self.0 | 1 << source as i16)
    }

    /// Whether `source` is in it.
    pub fn has(self, source: Source) -> bool {
        self.0 & 1 << source as i16 != 0
    }

    /// Those in it, in the order of the type.
    pub fn iter(self) -> impl Iterator<Item = Source> {
        Source::ALL
            .iter()
            .copied()
            .filter(move |source| self.has(*source))
    }
}

impl From<Source> for Sources {
    fn from(source: Source) -> Self {
        Self::default().with(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_sources_is_read_back_from_its_bits() {
        let set = Sources::from(Source::Session).with(Source::Pinned);
        assert_eq!(Sources::from_bits(set.bits()), set);
        assert_eq!(
            set.iter().collect::<Vec<_>>(),
            [Source::Session, Source::Pinned]
        );
        assert!(!set.has(Source::Collaborative));
    }
}
