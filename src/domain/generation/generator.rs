//! What a generator is.

use std::ops::ControlFlow;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;

use super::ask::Ask;
use super::model::Medium;
use crate::foundation::Error;
use crate::platform::objects::MediaType;

/// Makes texts or pictures.
///
/// Whoever drops the future of [`Generator::generate`] stops the work: nothing goes on behind it for
/// longer than a second, also not on a server outside that can be told to stop.
pub trait Generator: Send + Sync {
    /// Its name in parameters and settings.
    fn name(&self) -> &'static str;

    /// What it can make.
    fn media(&self) -> &'static [Medium];

    /// Makes what is asked for; as many things as [`Ask::count`] says, and never none.
    fn generate<'a>(
        &'a self,
        ask: &'a Ask,
        subject: &'a Subject,
        observe: Observe<'a>,
    ) -> BoxFuture<'a, Result<Vec<Made>, GenerationError>>;
}

/// Hears how far a generation is; [`ControlFlow::Break`] stops it.
pub type Observe<'a> = &'a mut (dyn FnMut(Progress) -> ControlFlow<()> + Send);

/// How far a generation is.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// How much of it is done, 0 to 1; never less than before.
    pub fraction: f64,
    /// What is being done, in one word.
    pub step: &'static str,
    /// The same for people.
    pub message: String,
}

/// What a generation is about, as the catalogue knows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subject {
    /// What it is called.
    pub title: String,
    /// Year of release.
    pub year: Option<i32>,
    /// Genres, as the source names them.
    pub genres: Vec<String>,
    /// Who directed it.
    pub directors: Vec<String>,
    /// Who plays in it, the first first.
    pub cast: Vec<String>,
    /// What it is about; may be empty.
    pub description: String,
    /// What sort of thing it is, for people: `film`, `product`.
    pub noun: &'static str,
}

/// One thing that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// The file.
    pub bytes: Bytes,
    /// What the file is.
    pub media_type: MediaType,
    /// What it says, if it is a text.
    pub text: Option<String>,
    /// What it can be made again with, where the generator keeps to a seed.
    pub seed: Option<i64>,
    /// What the generator says of it: its model, the prompt as it revised it. A JSON object.
    pub details: serde_json::Value,
}

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
pub enum GenerationError {
    /// It may work another time.
    #[error("{message}")]
    Retry {
        /// What happened, for people; without anything secret.
        message: String,
        /// How long to wait at least, where the generator says so.
        after: Option<Duration>,
    },
    /// It will not work another time either.
    #[error("{message}")]
    Refused {
        /// What happened and what to do; without anything secret.
        message: String,
    },
    /// Whoever observed it stopped it.
    #[error("stopped")]
    Stopped,
    /// Not the generator but this server failed, or refuses.
    #[error(transparent)]
    Server(#[from] Error),
}

impl GenerationError {
    /// It may work another time.
    pub fn retry(message: impl Into<String>) -> Self {
        Self::Retry {
            message: message.into(),
            after: None,
        }
    }

    /// It will not work another time either.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::Refused {
            message: message.into(),
        }
    }
}

/// Tells how far it is, and ends the work where the answer is to stop.
pub(super) fn tell(
    observe: &mut (dyn FnMut(Progress) -> ControlFlow<()> + Send),
    fraction: f64,
    step: &'static str,
    message: impl Into<String>,
) -> Result<(), GenerationError> {
    let progress = Progress {
        fraction: fraction.clamp(0.0, 1.0),
        step,
        message: message.into(),
    };
    match observe(progress) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(GenerationError::Stopped),
    }
}
