//! Background work that people see: a queue in the database, workers that run it, and following it
//! while it runs. See docs/jobs.md.

mod attempt;
mod follow;
pub mod model;
pub mod parameters;
pub mod schedule;
pub mod service;
mod store;
mod watch;
mod work;
pub mod worker;

pub use model::{Asked, Job, JobEvent, JobFilter, JobKind, JobOrder, JobState, NewJob};
pub use parameters::Parameters;
pub use schedule::Schedules;
pub use service::JobService;
pub use worker::Workers;
