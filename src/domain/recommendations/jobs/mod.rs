//! The background jobs of recommendations: training, evaluating, recomputing stored lists, and the embeddings
//! with the ranker that follows them.

mod embeddings;
mod evaluation;
mod refresh;
mod training;

pub use embeddings::EmbeddingsJob;
pub use evaluation::{EvaluationJob, EvaluationParameters};
pub use refresh::{RecommendationsJob, RefreshTarget};
pub use training::TrainingJob;
