//! The queue of jobs on a real database: their states and events, who may do what, workers that go
//! away, schedules, and what each kind of job does.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

#[path = "../support/mod.rs"]
mod support;

mod cancelling;
mod creating;
mod elsewhere;
mod erasure;
mod event_streams;
mod failing;
mod joining;
mod kinds;
mod leases;
mod lists;
mod moves;
mod rights;
mod schedules;
mod servers;
mod statistics;
mod unknown_kinds;
mod upkeep;
mod world;
