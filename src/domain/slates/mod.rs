//! Slates: films that are offered for an hour of a channel, ranked by six signals whose weights a contextual
//! bandit draws, and what it learns from what curators select.

mod decisions;
pub mod evaluation;
mod films;
mod holidays;
pub mod jobs;
mod live_bandit;
mod log;
pub mod model;
pub mod predictors;
mod ranking_task;
mod reading;
pub mod service;
mod signals;
mod store;
pub mod updates;
mod versions;
mod warm_start;
pub mod weights;

pub use evaluation::PolicyEvaluation;
pub use model::{Period, Selection, Slate, SlateItem, SlateSignal, SlateSlot, SlateState};
pub use service::SlateService;
pub use updates::SlateChanged;
