//! Experiments with recommendation lists: types, queries and mutations.

pub mod changes;
pub mod item;
pub mod queries;
pub mod results;

pub use changes::ExperimentMutation;
pub use item::{Experiment, ExperimentVariant};
pub use queries::ExperimentQuery;
