//! What people do with content: recording it, reading it back, and what each kind says of taste.

pub mod model;
mod recorded_feed;
mod recording;
pub mod service;
mod store;
mod stream;
mod stream_cursor;
pub mod weights;

pub use model::{Interaction, InteractionFilter, InteractionKind, NewInteraction};
pub use recording::Outcome;
pub use service::InteractionService;
pub use stream::{InteractionStream, InteractionsRecorded, RecordedInteraction, StreamFilter};
pub use stream_cursor::StreamCursor;
pub use weights::{WeightRow, WeightTable};
