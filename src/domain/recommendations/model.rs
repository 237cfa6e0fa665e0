//! What a list of recommendations is.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::engine::explanation::Explained;
pub use crate::engine::explanation::{Description, Explanation, Reason};
use crate::engine::provenance::Provenance;
pub use crate::engine::source::{Context, Source, Sources};
use crate::foundation::{Id, id};
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
    /// The variant of an experiment that it was made for, if one ran.
    pub variant: Option<Id<id::Variant>>,
    /// What it was made of: every candidate by source, and why those that have no place in it were
    /// dropped.
    pub provenance: Provenance,
}

impl List {
    /// How much memory it takes, in bytes, give or take the allocator's rounding.
    pub(super) fn memory(&self) -> usize {
        let items = size_of_val(self.items.as_slice());
        size_of::<Self>() + self.controls.len() + items + self.provenance.memory()
    }
}

/// How fresh a list is.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Freshness {
    /// When the collaborative model was trained.
    pub model_at: Option<DateTime<Utc>>,
    /// How many of the user's interactions went in.
    pub events: i32,
    /// How many of them happened after the training of the model began; all where there is no model.
    pub events_since_model: i32,
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

impl Item {
    /// The item, ready to be explained within a list of this blend.
    pub fn explained<'a>(&'a self, blend: &'a [(Source, f32)]) -> Explained<'a> {
        Explained {
            score: self.score,
            sources: self.sources,
            blend,
            parts: &self.parts,
            because: self.because,
        }
    }

    /// The source that says most for it; of equals the first of the blend.
    pub fn source(&self, blend: &[(Source, f32)]) -> Source {
        self.explained(blend).main_source()
    }
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
    /// Whether the list is stored, and that these items of it were shown. It is not while the database can be read
    /// but not written; such a list cannot be asked for again, and has no further page.
    pub stored: bool,
}
