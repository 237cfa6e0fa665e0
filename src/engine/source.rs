//! Occasions of lists, and the sources of candidates.

use serde::{Deserialize, Serialize};

use crate::foundation::text_enum;

/// The occasion that a list is made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Context {
    /// What to take next, from the whole catalogue.
    #[default]
    Feed,
    /// What to take next, from the part of the catalogue that the filter names.
    Category,
    /// What answers a query, and suits the user.
    Search,
    /// What is similar to one item, and suits the user.
    Similar,
}

text_enum!(Context {
    Feed = "FEED",
    Category = "CATEGORY",
    Search = "SEARCH",
    Similar = "SIMILAR",
});

/// A source of candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// Users with a similar taste took it (collaborative filtering).
    Collaborative,
    /// It is near to the long-term interests of the user, by its embedding.
    Interests,
    /// It is near to what the user did in the present session, by its embedding.
    Session,
    /// It is near to the item that the list is about, by its embedding.
    Similar,
    /// Those who took the item that the list is about took it as well (co-occurrence).
    Together,
    /// It answers the query, by words and meaning.
    Query,
    /// Many users took it lately.
    Popular,
    /// It is new in the catalogue.
    New,
    /// It is eligible, and nothing more is known.
    Any,
    /// The caller pinned it to its rank.
    Pinned,
}

text_enum!(Source {
    Collaborative = "COLLABORATIVE",
    Interests = "INTERESTS",
    Session = "SESSION",
    Similar = "SIMILAR",
    Together = "TOGETHER",
    Query = "QUERY",
    Popular = "POPULAR",
    New = "NEW",
    Any = "ANY",
    Pinned = "PINNED",
});

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
