//! What a user can do to a content item.

use crate::foundation::text_enum;

/// What a user did to a content item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum InteractionKind {
    /// Saw it, on a page of its own or in passing.
    View,
    /// Opened it from a list.
    Click,
    /// Put it into the cart.
    AddToCart,
    /// Bought it.
    Purchase,
    /// Said that they like it.
    Like,
    /// Sent it to somebody.
    Share,
    /// Gave it stars, 0.5 to 5.
    Rating,
    /// Passed over it.
    Skip,
    /// Said that they do not like it.
    Dislike,
    /// Took it out of the cart again.
    RemoveFromCart,
    /// Sent it back.
    Return,
}

text_enum!(InteractionKind {
    View = "VIEW",
    Click = "CLICK",
    AddToCart = "ADD_TO_CART",
    Purchase = "PURCHASE",
    Like = "LIKE",
    Share = "SHARE",
    Rating = "RATING",
    Skip = "SKIP",
    Dislike = "DISLIKE",
    RemoveFromCart = "REMOVE_FROM_CART",
    Return = "RETURN",
});
