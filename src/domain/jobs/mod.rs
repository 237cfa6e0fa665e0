//! Background jobs: a queue in the database, workers, schedules, and streams of their progress. See
//! docs/jobs.md.

mod attempt;
mod event_stream;
mod job_stream;
pub mod model;
pub mod parameters;
pub mod schedule;
pub mod service;
mod store;
mod work;
pub mod worker;

pub use model::{CreateOutcome, Job, JobEvent, JobFilter, JobKind, JobOrder, JobState, NewJob};
pub use parameters::Parameters;
pub use schedule::Schedules;
pub use service::{JobChanged, JobService};
pub use worker::Workers;
