//! What a user can do to a content item.

use foundation::text_enum;

text_enum! {
    /// Kind of an interaction of a user with a content item.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub enum InteractionKind {
        /// The user viewed the item.
        View = "VIEW",
        /// The user opened the item from a list.
        Click = "CLICK",
        /// The user added the item to the cart.
        AddToCart = "ADD_TO_CART",
        /// The user purchased the item.
        Purchase = "PURCHASE",
        /// The user liked the item.
        Like = "LIKE",
        /// The user shared the item.
        Share = "SHARE",
        /// The user rated the item with 0.5–5 stars.
        Rating = "RATING",
        /// The user skipped the item.
        Skip = "SKIP",
        /// The user disliked the item.
        Dislike = "DISLIKE",
        /// The user removed the item from the cart.
        RemoveFromCart = "REMOVE_FROM_CART",
        /// The user returned the purchased item.
        Return = "RETURN",
    }
}
