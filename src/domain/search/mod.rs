//! Search: words and meaning together, facets, highlights, suggestions, and what people ask for.

mod cursor;
pub mod facets;
mod follow;
pub mod highlight;
pub mod lexical;
pub mod model;
mod order;
mod popular;
pub mod results;
mod retrieve;
pub mod service;
mod store;
mod suggest;
mod titles;

pub use follow::IndexProgress;
pub use model::{Mode, Request, SearchPage, Suggestion};
pub use service::SearchService;
pub use titles::Titled;
