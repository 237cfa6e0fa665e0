//! Traces: what stored lists were made of, why an item is not in one, and lists made again.

mod model;
mod record;
mod service;

pub use model::{
    Candidate, Exclusion, ExclusionReason, ExclusionStage, ReplayEntry, ReplayedTrace, SignalScore,
    Trace, TraceFilter,
};
pub use record::TraceRecord;

pub use crate::engine::recording::Changes;
