//! Embeddings: training embedding models, embedding items and texts, nearest neighbours.

mod embedding_model;
mod loading;
pub mod model;
pub mod service;
mod store;
pub mod training;
pub mod vectors;

pub use embedding_model::EmbeddingModel;
pub use model::{Neighbour, Step, TrainingResult, VectorTable};
pub use service::EmbeddingService;
pub use vectors::VectorStore;
