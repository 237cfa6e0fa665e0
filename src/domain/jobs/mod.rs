//! Background jobs: a queue in the database, workers, schedules, and streams of their progress. What the jobs
//! do is declared by handlers elsewhere, see [`crate::domain::job_handler`]. See docs/jobs.md.

mod attempt;
mod event_stream;
mod job_stream;
pub mod model;
pub mod parameters;
mod registry;
mod schedule;
pub mod service;
mod store;
pub mod worker;

pub use model::{CreateOutcome, Job, JobEvent, JobFilter, JobOrder, JobState, NewJob};
pub use parameters::JobParameters;
pub use registry::JobRegistry;
pub use service::{JobChanged, JobService};
pub use worker::Workers;
