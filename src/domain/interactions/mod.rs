//! What people do with content: recording it, reading it back, and what each kind says of taste.

mod following;
pub mod model;
pub mod service;
mod store;
pub mod weights;

pub use following::{FollowFilter, Following};
pub use model::{Interaction, InteractionFilter, InteractionKind, NewInteraction};
pub use service::InteractionService;
pub use weights::{WeightRow, WeightTable};
