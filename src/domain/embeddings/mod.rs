//! What items are about, as vectors: learning a space, placing items and texts in it, finding what
//! is near.

pub mod model;
mod opening;
pub mod service;
mod space;
mod store;
pub mod training;
pub mod vectors;

pub use model::{Near, Progress, Step, Trained, Vectors};
pub use service::EmbeddingService;
pub use space::Space;
pub use vectors::VectorStore;
