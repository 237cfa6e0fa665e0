//! The catalogue: films, products and other things that can be recommended.

pub mod catalogue;
mod external_ids;
pub mod facets;
pub mod filmography;
pub mod model;
pub mod service;
mod store;

pub use catalogue::{CatalogueChanged, CatalogueIndex};
pub use external_ids::Created;
pub use model::{Content, ContentFilter, ContentKind, ContentOrder, Fields, Visibility};
pub use service::ContentService;
