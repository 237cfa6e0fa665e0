//! Interactions: what users did, how it is listed and counted, how it is recorded, and hearing
//! of it.

pub mod changes;
mod events;
mod item;
mod queries;

pub use changes::InteractionMutation;
pub use events::InteractionSubscription;
pub use item::{Interaction, InteractionKind};
pub use queries::InteractionQuery;
