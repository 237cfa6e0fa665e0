//! Content items: what they are, how they are found and how they are changed.

pub mod changes;
mod filter;
mod inputs;
mod item;
mod parts;
mod queries;

pub use changes::ContentMutation;
pub use filter::{ContentFilterInput, ContentOrder, ContentOrderField};
pub use inputs::{CreateContentInput, CreditInput, DeleteContentInput, UpdateContentInput};
pub use item::Content;
pub use parts::{
    ContentKind, Credit, CreditRole, ExternalId, Money, Ratings, TagCount, Visibility,
};
pub use queries::ContentQuery;
