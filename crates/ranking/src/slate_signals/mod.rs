//! The six signals by which films are ranked for a programme slot, each in [0, 1].
//!
//! | signal | says | computed by |
//! |---|---|---|
//! | curator | programmers pick films like this on such occasions | [`CuratorModel::signals`] |
//! | audience | many will watch it | [`AudienceModel::predict`] |
//! | competition | a rival shows it soon after us, so that we come first | [`competition`] |
//! | diversity | it differs from what was programmed last | [`diversity`] |
//! | novelty | it has not been shown, or long ago and rarely | [`novelty`] |
//! | rights | the licence ends soon | [`rights`] |
//!
//! The last four are formulas of their arguments alone. The first two are learned from past picks and past
//! airings; training refuses with a [`TrainingError`] where there are too few, and the caller gives every
//! candidate [`MEDIAN_SIGNAL`] instead. Nothing here reads a clock: dates come in as differences in days,
//! and the age of a film is counted from the year of the broadcast.

mod artifact;
mod audience;
mod competition;
mod context;
mod curator;
mod diversity;
mod film;
mod metrics;
mod normaliser;
mod novelty;
mod rights;
#[cfg(test)]
mod tests;
mod time_split;
mod training_error;
mod vocabulary;

pub use artifact::ArtifactError;
pub use audience::{
    Airing, AudienceEstimate, AudienceEvaluation, AudienceFilm, AudienceModel, AudienceSettings,
    LEAST_AIRINGS,
};
pub use competition::{RIVAL_WINDOW, competition};
pub use context::BroadcastContext;
pub use curator::{
    CuratorEvaluation, CuratorFilm, CuratorModel, CuratorSettings, LEAST_PICKS, PastPick,
    UNPICKED_PER_PICK,
};
pub use diversity::{DiversityFeatures, DiversityScales, MEMORY, diversity};
pub use film::FilmFeatures;
pub use normaliser::{Normaliser, Scale};
pub use novelty::novelty;
pub use rights::rights;
pub use training_error::TrainingError;

/// What a signal is for every candidate where nothing could be learned: the median of a quantile rank.
pub const MEDIAN_SIGNAL: f64 = 0.5;
