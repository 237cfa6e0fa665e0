//! What the signals know of a film.

use serde::{Deserialize, Serialize};

/// Genres of a film beyond these are not read.
pub(super) const MOST_GENRES: usize = 32;

/// The features of a film. Whatever is not known is `None`, or an empty list; numbers that are not finite
/// are treated as not known.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct FilmFeatures {
    /// Year of release.
    pub year: Option<i32>,
    /// Original language, as a code or a name: compared as it is written.
    pub language: Option<String>,
    /// Genres, compared as they are written; at most the first 32 are read, each counts once.
    pub genres: Vec<String>,
    /// Running time in minutes.
    pub duration_minutes: Option<f64>,
    /// Mean rating, on one scale for all films.
    pub rating: Option<f64>,
    /// Number of ratings.
    pub votes: Option<f64>,
    /// Popularity, from 0 up, in any unit.
    pub popularity: Option<f64>,
    /// Revenue, from 0 up, in one currency.
    pub revenue: Option<f64>,
}

impl FilmFeatures {
    /// The years from release to a broadcast in this year, at least 0.
    pub(super) fn age(&self, broadcast_year: i32) -> Option<f64> {
        self.year
            .map(|year| (f64::from(broadcast_year) - f64::from(year)).max(0.0))
    }

    pub(super) fn genres(&self) -> &[String] {
        &self.genres[..self.genres.len().min(MOST_GENRES)]
    }

    /// The year as a number.
    pub(super) fn year_number(&self) -> Option<f64> {
        self.year.map(f64::from)
    }
}
