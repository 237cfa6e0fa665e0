//! Slates of films for the hours of a channel: types, queries, mutations and subscriptions.

pub mod changes;
pub mod events;
pub mod item;
pub mod jobs;
pub mod queries;
pub mod weights;

pub use changes::SlateMutation;
pub use events::SlateSubscription;
pub use item::{Selection, Slate, SlateSignal, SlateState};
pub use queries::SlateQuery;
