//! What channels show: our own airings with their audience, and the schedules of competitors. Files with
//! airings are read by [`crate::domain::imports`].

pub mod films;
pub mod model;
pub mod service;
mod store;

pub use films::FilmIndex;
pub use model::{Airing, AiringFilter, AiringKind, AiringSource};
pub use service::CompetitionService;
