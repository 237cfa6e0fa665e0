//! Traces of recommendation lists: types and queries.

mod exclusion;
mod item;
mod queries;
mod replay;
mod request;

pub use queries::TraceQuery;
