//! Profiles: what a user did, and what that says of their taste.
//!
//! A profile is not kept: it is made of the record when it is asked for, so that what a user did a
//! moment ago is in it.

pub mod service;
mod store;

pub use service::ProfileService;
