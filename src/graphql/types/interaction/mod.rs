//! Interactions: what users did, how it is listed and counted, and how it is recorded.

pub mod changes;
mod item;
mod queries;

pub use changes::InteractionMutation;
pub use item::{Interaction, InteractionKind};
pub use queries::InteractionQuery;
