//! The interface of generators.

use std::ops::ControlFlow;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;

use super::input::GeneratorInput;
use super::model::MediaKind;
use crate::foundation::{Error, Progress};
use crate::platform::objects::MediaType;

/// Generates texts or images.
///
/// Dropping the future of [`Generator::generate`] stops the work within a second, also on an external server
/// that supports cancellation.
pub trait Generator: Send + Sync {
    /// The name in parameters and settings.
    fn name(&self) -> &'static str;

    /// The supported kinds of output.
    fn media(&self) -> &'static [MediaKind];

    /// Generates [`GeneratorInput::count`] outputs, at least one.
    fn generate<'a>(
        &'a self,
        input: &'a GeneratorInput,
        summary: &'a ItemSummary,
        observe: ProgressCallback<'a>,
    ) -> BoxFuture<'a, Result<Vec<GeneratorOutput>, GenerationError>>;
}

/// Receives the progress of a generation, whose fraction never decreases; [`ControlFlow::Break`] stops it.
pub type ProgressCallback<'a> = &'a mut (dyn FnMut(Progress) -> ControlFlow<()> + Send);

/// A summary of the item that a generation is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ItemSummary {
    /// The title.
    pub title: String,
    /// Year of release.
    pub year: Option<i32>,
    /// Genres, as the source names them.
    pub genres: Vec<String>,
    /// The directors.
    pub directors: Vec<String>,
    /// The cast, in billing order.
    pub cast: Vec<String>,
    /// The description; may be empty.
    pub description: String,
    /// A noun for the kind of item: `film`, `product`.
    pub noun: &'static str,
}

/// One output of a generator.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneratorOutput {
    /// The content of the file.
    pub bytes: Bytes,
    /// The media type of the file.
    pub media_type: MediaType,
    /// The text, if it is one.
    pub text: Option<String>,
    /// The seed that reproduces it, if the generator supports seeds.
    pub seed: Option<i64>,
    /// Details such as the model and the revised prompt: a JSON object.
    pub details: serde_json::Value,
}

/// Why a generation failed.
#[derive(Debug, thiserror::Error)]
pub enum GenerationError {
    /// A temporary failure.
    #[error("{message}")]
    Retry {
        /// The reason, for people; contains no secret.
        message: String,
        /// The minimum delay before a retry, if the generator says so.
        after: Option<Duration>,
    },
    /// A permanent failure.
    #[error("{message}")]
    Refused {
        /// The reason and what to do; contains no secret.
        message: String,
    },
    /// Stopped by the progress callback.
    #[error("stopped")]
    Stopped,
    /// This server failed or refuses, not the generator.
    #[error(transparent)]
    Server(#[from] Error),
}

impl GenerationError {
    /// A temporary failure without a minimum delay.
    pub fn retry(message: impl Into<String>) -> Self {
        Self::Retry {
            message: message.into(),
            after: None,
        }
    }

    /// A permanent failure.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::Refused {
            message: message.into(),
        }
    }
}

/// Reports progress; an error when the callback stops the work.
pub(super) fn report(
    observe: &mut (dyn FnMut(Progress) -> ControlFlow<()> + Send),
    fraction: f64,
    step: &'static str,
    message: impl Into<String>,
) -> Result<(), GenerationError> {
    let progress = Progress {
        fraction: Some(fraction.clamp(0.0, 1.0) as f32),
        step: Some(step.into()),
        message: Some(message.into()),
    };
    match observe(progress) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(GenerationError::Stopped),
    }
}
