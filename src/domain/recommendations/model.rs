//! What a list of recommendations is.

use chrono::{DateTime, Utc};

use crate::foundation::{Id, id, text_enum};

/// What one user did to one item counts at most so much, in training and for popularity: nobody
/// makes an item popular alone.
pub(super) const MOST_WEIGHT: f32 = 2.0;

/// A list as it was drawn for one user. Later pages continue the same draw.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// Which.
    pub id: Id<id::List>,
    /// For whom.
    pub user: Id<id::User>,
    /// For what occasion.
    pub context: Context,
    /// The collaborative model behind it, if one had something to say.
    pub model: Option<Id<id::Model>>,
    /// The version of the interaction weights that it was drawn with.
    pub weights_version: i32,
    /// When it was drawn.
    pub created_at: DateTime<Utc>,
    /// All its items, best first.
    pub items: Vec<Item>,
}

/// An item at its place in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Place in the list, from 1.
    pub rank: i32,
    /// What is recommended.
    pub content: Id<id::Content>,
    /// How well it fits, in [0, 1] and never growing from rank to rank. Comparable within one
    /// list only.
    pub score: f32,
    /// Where it came from.
    pub source: Source,
    /// The thing from the user's past that speaks most for it.
    pub because: Option<Id<id::Content>>,
}

/// For what occasion a list is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Context {
    /// What to take next.
    Feed,
}

text_enum!(Context { Feed = "FEED" });

/// Where a recommended item came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Users with like taste took it.
    Collaborative,
    /// Many took it lately.
    Popular,
    /// It is new in the catalogue.
    New,
}

text_enum!(Source {
    Collaborative = "COLLABORATIVE",
    Popular = "POPULAR",
    New = "NEW",
});

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct ListPage {
    /// The list, with all its items.
    pub list: List,
    /// The items of this page.
    pub items: Vec<Item>,
    /// Whether items come after these.
    pub has_next: bool,
}
