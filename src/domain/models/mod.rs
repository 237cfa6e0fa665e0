//! Trained models: their versions, and which one is served.

pub mod model;
mod promoted;
pub mod served;
pub mod service;
mod store;

pub use model::{ModelKind, ModelState, ModelVersion};
pub use served::Served;
pub use service::ModelService;
