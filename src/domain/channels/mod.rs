//! Television channels: ours, and those of competitors. What they show is in [`crate::domain::competition`].

pub mod model;
pub mod service;
mod store;

pub use model::{Channel, Fields, MAX_CHANNELS};
pub use service::ChannelService;
