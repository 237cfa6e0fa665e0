//! Recommendations: types and queries.

mod controls;
mod item;
mod list;
mod queries;

pub use queries::RecommendationQuery;
