//! Bringing other catalogues, their users and what these did into a schema.
//!
//! A reader ([`movielens`], [`tmdb`], [`products`]) turns a file into rows on a thread of its own;
//! the rows are staged in chunks, and the store merges one chunk after the other, each in one
//! transaction. A row that cannot be taken is refused with its line and reason and the rest goes
//! on; a file that breaks in the middle ends the import, and the chunks merged before stay whole.

pub mod mapping;
pub mod model;
pub mod movielens;
mod products;
pub mod service;
pub mod source;
mod store;
mod tmdb;

pub use model::{Break, Counts, Ended, Job, News, Options, Refused, Summary, Table};
pub use service::ImportService;
pub use source::Limits;
