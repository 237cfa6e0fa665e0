//! Lists: what to take next, for whom, and why.

pub mod ask;
pub mod because;
mod common;
mod draw;
pub mod feedback;
mod gather;
mod live;
pub mod model;
pub mod refresh;
pub mod related;
pub mod service;
pub mod statistics;
mod store;
pub mod training;
pub mod trending;
pub mod updates;

pub use ask::{Ask, Boost, Pin};
pub use model::{Context, Item, List, Source};
pub use service::{RecommendationService, Rooms};
