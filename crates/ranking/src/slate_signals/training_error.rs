//! Why a model was not trained.

use thiserror::Error;

/// Why a model was not trained. The signal then is [`super::MEDIAN_SIGNAL`] for every film.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum TrainingError {
    /// Too little to learn from.
    #[error("{found} {what} are too few to learn from; {needed} are needed: import more")]
    TooFew {
        /// What is counted.
        what: &'static str,
        /// How many there are that can be used.
        found: usize,
        /// How many there must be.
        needed: usize,
    },
    /// Nothing can be held out by time.
    #[error(
        "the {0} cannot be split by time: too many of them have the same one; give each its own"
    )]
    OneTime(&'static str),
    /// An example names a film that is not in the catalogue.
    #[error(
        "film {film} is not in the catalogue of {films} films: pass the catalogue it is an index of"
    )]
    UnknownFilm {
        /// The index that was given.
        film: u32,
        /// Films in the catalogue.
        films: usize,
    },
    /// A setting is out of its range.
    #[error("{0}")]
    Settings(&'static str),
}
