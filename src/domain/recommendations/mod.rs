//! Lists: what to take next, for whom, and why.

pub mod ask;
mod common;
mod draw;
mod gather;
mod live;
pub mod model;
pub mod service;
mod store;
pub mod training;

pub use ask::{Ask, Boost, Pin};
pub use model::{Context, Item, List, Source};
pub use service::{RecommendationService, Rooms};
