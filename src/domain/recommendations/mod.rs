//! Lists: what to take next, for whom, and why.

pub mod because;
pub mod feedback;
pub mod jobs;
mod kinds;
pub mod model;
mod non_personalised;
mod pipeline;
pub mod refresh;
pub mod related;
pub mod replay_evaluation;
mod retrieve;
mod served_model;
mod served_ranker;
pub mod service;
pub mod statistics;
mod store;
pub mod traces;
pub mod training;
pub mod trending;
pub mod updates;

pub use crate::engine::request::{Boost, Pin, RecommendationRequest};
pub use model::{Context, Item, List, Source};
pub use service::{Dependencies, RecommendationService};
pub use updates::ListRefreshed;
