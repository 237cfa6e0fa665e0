//! The catalogue: films, products and other things that can be recommended.

pub mod catalogue;
pub mod facets;
pub mod filmography;
pub mod model;
pub mod service;
mod store;

pub use catalogue::{CatalogueChanged, CatalogueIndex};
pub use model::{Content, ContentFilter, ContentKind, ContentOrder, Fields, Visibility};
pub use service::ContentService;
