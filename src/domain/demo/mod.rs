//! The demo: a small world of films, products, people and their history, to look around in.

pub mod data;
pub mod service;
mod store;

pub use service::{DemoService, LOGINS, Loaded, Login};
