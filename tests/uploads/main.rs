//! Files that come over HTTP, and the jobs that import them.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

#[path = "../support/mod.rs"]
mod support;

mod forms;
mod jobs;
mod keeping;
mod refusing;
mod world;
