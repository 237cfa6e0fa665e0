//! What a person of the catalogue is.

use chrono::{DateTime, Utc};

use crate::foundation::{Id, id};

/// Somebody who made or plays in a content item.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// Who.
    pub id: Id<id::Person>,
    /// As credited, 1 to 200 characters.
    pub name: String,
    /// Where their picture is.
    pub photo_url: Option<String>,
    /// Who they are, in a few sentences.
    pub biography: Option<String>,
    /// When they came into the catalogue.
    pub created_at: DateTime<Utc>,
    /// When their entry last changed.
    pub updated_at: DateTime<Utc>,
}
