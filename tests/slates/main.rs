//! Slates for the hours of a channel: what is offered, what is decided, and what the bandit learns from it.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

#[path = "../support/mod.rs"]
mod support;

mod channels;
mod decisions;
mod evaluation;
mod offers;
mod predictors;
mod preload;
mod versions;
mod warm_start;
mod world;
