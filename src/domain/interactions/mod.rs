//! What people do with content: recording it, reading it back, and what each kind says of taste.

pub mod model;
pub mod service;
mod store;
mod stream;
pub mod weights;

pub use model::{Interaction, InteractionFilter, InteractionKind, NewInteraction};
pub use service::InteractionService;
pub use stream::{InteractionStream, InteractionsRecorded, StreamFilter};
pub use weights::{WeightRow, WeightTable};
