//! Search: types and queries.

mod facets;
mod queries;
mod results;

pub use facets::SearchFacets;
pub use queries::SearchQuery;
pub use results::SearchResults;
