//! What an item is, and who may see it.

use crate::foundation::text_enum;

/// What sort of thing a content item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ContentKind {
    Movie,
    Product,
    Text,
    Image,
    Video,
    Audio,
}

text_enum!(ContentKind {
    Movie = "MOVIE",
    Product = "PRODUCT",
    Text = "TEXT",
    Image = "IMAGE",
    Video = "VIDEO",
    Audio = "AUDIO",
});

/// Who may see a content item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// Everybody; it can be listed and recommended.
    Public,
    /// Whoever knows its id; it is in no list.
    Unlisted,
    /// Its creator and admins.
    Private,
}

text_enum!(Visibility {
    Public = "PUBLIC",
    Unlisted = "UNLISTED",
    Private = "PRIVATE",
});
