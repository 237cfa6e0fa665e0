//! Looking after a schema: summing hours up, and removing what has been kept long enough.

pub mod erasure;
pub mod jobs;
pub mod model;
pub mod service;
mod store;

pub use model::{Hour, Removed};
pub use service::UpkeepService;
