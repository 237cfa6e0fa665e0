//! What a list of recommendations is.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::engine::catalogue::Ineligible;
use crate::foundation::{Id, id, text_enum};
use ranking::blend::Parts;

/// A list as it was drawn for one user. Later pages continue the same draw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct List {
    /// Which.
    pub id: Id<id::List>,
    /// For whom.
    pub user: Id<id::User>,
    /// For what occasion.
    pub context: Context,
    /// What was asked for, as JSON: filter, boosts, pins and so on, as far as given.
    pub controls: String,
    /// The collaborative model behind it, if one had something to say.
    pub model: Option<Id<id::Model>>,
    /// The embedding model behind it, if one had something to say.
    pub embedding: Option<Id<id::Model>>,
    /// The version of the interaction weights that it was drawn with.
    pub weights_version: i32,
    /// How the sources were mixed: those that had something to say, with weights that sum to 1.
    pub blend: Vec<(Source, f32)>,
    /// How much of what the user did went in.
    pub freshness: Freshness,
    /// When it was drawn.
    pub created_at: DateTime<Utc>,
    /// All its items, best first.
    pub items: Vec<Item>,
    /// Candidates that have no place in it, and why. Known to the process that drew the list.
    #[serde(skip)]
    pub dropped: Vec<(Id<id::Content>, Drop)>,
}

impl List {
    /// How much memory it takes, in bytes, give or take the allocator's rounding.
    pub(super) fn memory(&self) -> usize {
        let items = size_of_val(self.items.as_slice());
        let dropped = size_of_val(self.dropped.as_slice());
        size_of::<Self>() + self.controls.len() + items + dropped
    }
}

/// How fresh a list is.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Freshness {
    /// When the collaborative model was trained.
    pub model_at: Option<DateTime<Utc>>,
    /// How many of the user's interactions went in.
    pub events: i32,
    /// When the last of them happened.
    pub last_event_at: Option<DateTime<Utc>>,
}

/// An item at its place in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Place in the list, from 1.
    pub rank: i32,
    /// What is recommended.
    pub content: Id<id::Content>,
    /// How well it fits, in [0, 1] and never growing from rank to rank. Comparable within one
    /// list only.
    pub score: f32,
    /// Where it came from.
    pub sources: Sources,
    /// How much of the score comes from each source of the list's blend, in its order. Before
    /// boosts their sum is the score.
    pub parts: Parts,
    /// The thing from the user's past, or the one that the list is about, that speaks most for it.
    pub because: Option<Id<id::Content>>,
}

/// For what occasion a list is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Context {
    /// What to take next.
    #[default]
    Feed,
    /// What to take next of one part of the catalogue.
    Category,
    /// What answers some words, and suits the user.
    Search,
    /// What is like one item, and suits the user.
    Similar,
}

text_enum!(Context {
    Feed = "FEED",
    Category = "CATEGORY",
    Search = "SEARCH",
    Similar = "SIMILAR",
});

/// Where a recommended item came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// Users with like taste took it.
    Collaborative,
    /// It is near to what the user has come to like.
    Interests,
    /// It is near to what the user did just now.
    Session,
    /// It is like the item that the list is about.
    Similar,
    /// Those who took the item that the list is about took it, too.
    Together,
    /// It answers the words of the query.
    Query,
    /// Many took it lately.
    Popular,
    /// It is new in the catalogue.
    New,
    /// It passes the filter.
    Any,
    /// The caller put it there.
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
    pub(super) fn from_bits(bits: i16) -> Self {
        Self(bits)
    }

    pub(super) fn bits(self) -> i16 {
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

impl Item {
    /// The source that says most for it; of equals the first of the blend.
    pub fn source(&self, blend: &[(Source, f32)]) -> Source {
        if self.sources.has(Source::Pinned) {
            return Source::Pinned;
        }
        let mut best: Option<(Source, f32)> = None;
        for ((source, _), share) in blend.iter().zip(&self.parts) {
            if self.sources.has(*source) && best.is_none_or(|(_, most)| *share > most) {
                best = Some((*source, *share));
            }
        }
        best.map(|(source, _)| source)
            .or_else(|| self.sources.iter().next())
            .unwrap_or(Source::Any)
    }
}

/// Why a candidate has no place in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Drop {
    /// It may not be offered.
    Ineligible(Ineligible),
    /// The user has it, or does not want it.
    Taken,
    /// The caller left it out.
    Excluded,
    /// It does not fit the filter.
    Filtered,
    /// Its score is below the least that was asked for.
    BelowMinimum,
    /// Others are better, and the list is full.
    Crowded,
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct ListPage {
    /// The list, with all its items.
    pub list: std::sync::Arc<List>,
    /// The items of this page.
    pub items: Vec<Item>,
    /// Whether items come after these.
    pub has_next: bool,
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
