//! What a content item is.

use chrono::{DateTime, Utc};

use crate::foundation::{Id, id};

mod credit;
mod cursor;
mod fields;

pub use crate::engine::catalogue::{ContentFilter, ContentKind, ContentOrder, Visibility};
pub use credit::{Credit, CreditRole, NewCredit, PersonRef};
pub use fields::Fields;

/// A thing that can be recommended.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// Which.
    pub id: Id<id::Content>,
    /// Everything that can be written.
    pub fields: Fields,
    /// Whose work it is, if a user's.
    pub creator: Option<Id<id::User>>,
    /// When it came into the catalogue.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// What decides who may see an item: its visibility and its creator.
pub(super) type ItemVisibility = (Visibility, Option<Id<id::User>>);

impl Content {
    pub(super) fn visibility_and_creator(&self) -> ItemVisibility {
        (self.fields.visibility, self.creator)
    }
}

/// How often users gave an item a tag.
#[derive(Clone, Debug, PartialEq)]
pub struct TagCount {
    /// The tag.
    pub tag: String,
    /// How many users gave it.
    pub users: i64,
}
