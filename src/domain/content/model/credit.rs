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

/// What a person does for an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum CreditRole {
    Director,
    Cast,
    Writer,
    Producer,
    Composer,
    Cinematographer,
    Editor,
}

text_enum!(CreditRole {
    Director = "DIRECTOR",
    Cast = "CAST",
    Writer = "WRITER",
    Producer = "PRODUCER",
    Composer = "COMPOSER",
    Cinematographer = "CINEMATOGRAPHER",
    Editor = "EDITOR",
});

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
