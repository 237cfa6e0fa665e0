//! What is like given items, in groups that each say why.

use serde::{Deserialize, Serialize};

use crate::foundation::{Id, Refusal, Result, id, text_enum};

mod cooccurrence;
mod groups;
mod likeness;
mod service;

pub(super) use cooccurrence::{FEWEST, ReplaySample};
pub(super) use groups::listed;
pub(super) use likeness::Likeness;
pub(super) use service::{POOL, alike};

/// At most so many titles at once, and so many items in a group.
const MAX_TITLES: usize = 10;
const MAX_ITEMS: usize = 50;
/// The longest title, in characters.
const MAX_TITLE: usize = 200;

text_enum! {
    /// In which respect the items of a group are similar to the given items.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum GroupKind {
        /// Similar topics, by embedding and genres.
        SimilarContent = "SIMILAR_CONTENT",
        /// Similar genres or product categories.
        SimilarGenre = "SIMILAR_GENRE",
        /// The same directors.
        SameDirector = "SAME_DIRECTOR",
        /// The same cast members.
        SameCast = "SAME_CAST",
        /// Popular items of the same year.
        PopularThatYear = "POPULAR_THAT_YEAR",
        /// Co-occurrence: users with positive interactions with the given items have them with these,
        /// too, significantly more often than other users.
        BoughtTogether = "BOUGHT_TOGETHER",
    }
}

/// What to be like.
#[derive(Clone, Debug, PartialEq)]
pub enum About {
    /// One item.
    Item(Id<id::Content>),
    /// The items of these titles, taken together.
    Titles(Vec<String>),
}

/// What a caller asks of [`super::RecommendationService::similar`].
#[derive(Clone, Debug, PartialEq)]
pub struct SimilarRequest {
    /// What to be like.
    pub about: About,
    /// At most so many items in each group, 1 to 50.
    pub first: usize,
    /// Which groups, at least one.
    pub kinds: Vec<GroupKind>,
}

impl SimilarRequest {
    fn check(&self) -> Result<()> {
        let mut wrong = None;
        if let About::Titles(titles) = &self.about {
            let long = |title: &String| !(1..=MAX_TITLE).contains(&title.trim().chars().count());
            if !(1..=MAX_TITLES).contains(&titles.len()) || titles.iter().any(long) {
                let message = format!("1 to {MAX_TITLES} titles of 1 to {MAX_TITLE} characters");
                wrong = Some(("titles", message));
            }
        }
        if !(1..=MAX_ITEMS).contains(&self.first) {
            let message = format!("a group has 1 to {MAX_ITEMS} items, not {}", self.first);
            wrong = Some(("first", message));
        }
        if self.kinds.is_empty() {
            let message = "name at least one kind, or leave `kinds` out for all";
            wrong = Some(("kinds", message.to_owned()));
        }
        match wrong {
            Some((argument, message)) => Err(Refusal::invalid(argument, message).into()),
            None => Ok(()),
        }
    }
}

/// What is like some items.
#[derive(Clone, Debug, PartialEq)]
pub struct Similar {
    /// The items asked about, in the order given.
    pub about: Vec<Id<id::Content>>,
    /// What is like them; no group is empty.
    pub groups: Vec<Group>,
    /// The titles that no item has.
    pub not_found: Vec<UnknownTitle>,
}

/// A title that no item has.
#[derive(Clone, Debug, PartialEq)]
pub struct UnknownTitle {
    /// As it was given.
    pub title: String,
    /// Items with the most alike titles, the nearest first.
    pub suggestions: Vec<Id<id::Content>>,
}

/// Items that are alike in one way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// In what way.
    pub kind: GroupKind,
    /// The same in a few words, in English: `More by Akira Kurosawa`.
    pub title: String,
    /// The items, best first.
    pub items: Vec<Related>,
}

/// An item that is like others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Related {
    /// Which.
    pub content: Id<id::Content>,
    /// How well it fits its group, in [0, 1].
    pub score: f32,
    /// What speaks for it, in English.
    pub why: String,
}
