//! Lists: what to take next, for whom, and why.

pub mod model;
pub mod service;
mod store;
pub mod training;

pub use model::{Context, Item, List, Source};
pub use service::RecommendationService;
