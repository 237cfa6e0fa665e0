//! Background work: types, queries and mutations.

pub mod changes;
pub mod item;
pub mod parameters;
pub mod queries;

pub use changes::JobMutation;
pub use item::{Job, JobEvent, JobKind, JobState};
pub use parameters::JobParametersInput;
pub use queries::{JobFilterInput, JobQuery};
