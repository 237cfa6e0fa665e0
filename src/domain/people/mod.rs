//! People who made or play in content items.

pub mod model;
pub mod service;
mod store;

pub use model::{Person, PersonFilter, PersonOrder};
pub use service::PeopleService;
