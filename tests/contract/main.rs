//! What a client may count on wherever it looks: one form for times and numbers, null that is never ignored,
//! objects beside their ids, whole addresses, compressed answers.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

#[path = "../support/server.rs"]
mod server;
#[path = "../support/mod.rs"]
mod support;

mod http;
mod inputs;
mod nulls;
mod objects;
mod times;
