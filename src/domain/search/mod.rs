//! Search: words and meaning together, facets, highlights, suggestions, and what people ask for.

mod cached;
mod cursor;
pub mod facets;
pub mod highlight;
mod index;
pub mod lexical;
pub mod model;
mod order;
mod popular;
mod popularity;
pub mod query;
pub mod results;
mod retrieve;
pub mod service;
mod signals;
mod similar;
mod store;
mod suggest;
mod titles;

pub use cached::Taste;
pub use index::IndexStatus;
pub use model::{SearchMode, SearchPage, SearchRequest, Suggestion};
pub use service::SearchService;
pub use titles::TitleMatch;
