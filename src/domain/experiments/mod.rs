//! Experiments: variants of recommendation lists on shares of the users, and what they did to conversion.
//!
//! A user's variant is a function of experiment and user ([`assignment`]): nothing is written for it. Lists keep
//! the variant that they were made for, and interactions name their list: results are counted from those.

pub mod assignment;
pub mod model;
mod results;
mod running;
pub mod service;
mod store;

pub use model::{
    Experiment, ExperimentState, ExperimentVariant, NewExperiment, Overrides, Variant,
};
pub use results::{Comparison, ExperimentResults, IntervalEstimate, VariantResults, Verdict};
pub use service::ExperimentService;
