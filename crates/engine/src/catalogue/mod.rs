//! The catalogue in memory: what filters, search and ranking ask of an item, without a statement.
//!
//! Each item has a slot, a small number that it keeps while the process lives; other structures in
//! memory (vectors, the words of search) are kept by slot. Who fills it is [`Catalogue::put`]'s caller.

mod filter;
mod index;
mod item;
mod kind;
mod matcher;

pub use filter::{ContentFilter, ContentOrder};
pub use index::{Catalogue, Changes, Unavailable};
pub use item::{IndexedItem, InternedString, ItemRow, StringInterner};
pub use kind::{ContentKind, Visibility};
pub use matcher::Matcher;
