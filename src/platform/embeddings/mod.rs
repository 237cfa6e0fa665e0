//! Models from outside that turn texts into vectors.

use std::path::Path;
use std::sync::Arc;

/// A model from outside that turns texts into vectors.
pub trait Embedder: Send + Sync {
    /// What it is called; another name is another space.
    fn name(&self) -> &str;

    /// How many numbers a vector has.
    fn dimensions(&self) -> usize;

    /// The vector of each text, of length 1. Takes all cores for a while.
    ///
    /// # Errors
    /// When the model cannot be computed.
    fn embed(&self, texts: &[String]) -> anyhow::Result<Vec<Vec<f32>>>;
}

#[cfg(feature = "transformers")]
impl Embedder for transformer::Transformer {
    fn name(&self) -> &str {
        self.name()
    }

    fn dimensions(&self) -> usize {
        self.dimensions()
    }

    fn embed(&self, texts: &[String]) -> anyhow::Result<Vec<Vec<f32>>> {
        self.embed(texts)
    }
}

/// Opens the transformer in `folder`, which has the layout of Hugging Face.
///
/// # Errors
/// A sentence that says which file is missing or wrong, or that this program was built without
/// transformers.
pub fn open(folder: &Path) -> anyhow::Result<Arc<dyn Embedder>> {
    #[cfg(feature = "transformers")]
    return Ok(Arc::new(transformer::Transformer::open(folder)?));
    #[cfg(not(feature = "transformers"))]
    anyhow::bail!(
        "this program was built without `--features transformers` and cannot open the model in {}",
        folder.display()
    )
}
