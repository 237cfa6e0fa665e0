//! Promotion: a version of a model is activated if it comes up to the one that is active.

mod checks;
mod service;

pub use checks::{PromotionCheck, PromotionMeasure};
pub use service::{Promotion, PromotionService};
