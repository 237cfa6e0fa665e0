//! Background work: types, queries and mutations.

pub mod changes;
pub mod events;
pub mod item;
pub mod kinds;
pub mod outcome;
pub mod parameters;
pub mod queries;

pub use changes::JobMutation;
pub use events::JobSubscription;
pub use item::{Job, JobEvent, JobState};
pub use kinds::{ApiJob, Creation, JobInput, JobKind};
pub use outcome::JobOutcome;
pub use parameters::JobParametersInput;
pub use queries::{JobFilterInput, JobQuery};
