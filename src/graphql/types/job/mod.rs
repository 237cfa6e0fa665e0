//! Background work: types, queries and mutations.

pub mod changes;
pub mod content;
pub mod events;
pub mod item;
pub mod parameters;
pub mod queries;

pub use changes::JobMutation;
pub use events::JobSubscription;
pub use item::{Job, JobEvent, JobKind, JobState};
pub use parameters::JobParametersInput;
pub use queries::{JobFilterInput, JobQuery};
