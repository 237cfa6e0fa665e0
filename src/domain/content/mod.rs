//! The catalogue: films, products and other things that can be recommended.

pub mod facets;
pub mod filmography;
pub mod model;
pub mod service;
pub mod shelf;
mod store;

pub use model::{Content, ContentFilter, ContentKind, ContentOrder, Fields, Visibility};
pub use service::ContentService;
pub use shelf::Shelf;
