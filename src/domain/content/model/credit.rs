//! Who made a content item.

use crate::foundation::{Id, id, text_enum};

/// Who did what for an item.
#[derive(Clone, Debug, PartialEq)]
pub struct Credit {
    /// For which item.
    pub content: Id<id::Content>,
    /// Who.
    pub person: Id<id::Person>,
    /// What they did.
    pub role: CreditRole,
    /// Place among those of the same role, from 0.
    pub position: i32,
    /// Whom they play.
    pub character: Option<String>,
}

text_enum! {
    /// Role of a person in the making of an item.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum CreditRole {
        /// Director of the item.
        Director = "DIRECTOR",
        /// Actor or other performer.
        Cast = "CAST",
        /// Writer of the item.
        Writer = "WRITER",
        /// Producer of the item.
        Producer = "PRODUCER",
        /// Composer of the music.
        Composer = "COMPOSER",
        /// Director of photography.
        Cinematographer = "CINEMATOGRAPHER",
        /// Editor who cut the item.
        Editor = "EDITOR",
    }
}

/// A credit to be written: the person by id, or by name, found or made.
#[derive(Clone, Debug, PartialEq)]
pub struct NewCredit {
    /// Who.
    pub person: PersonRef,
    /// What they did.
    pub role: CreditRole,
    /// Whom they play.
    pub character: Option<String>,
}

/// A person, by id or by name.
#[derive(Clone, Debug, PartialEq)]
pub enum PersonRef {
    /// A person of the catalogue.
    Id(Id<id::Person>),
    /// The one person of this name, made if there is none.
    Name(String),
}
