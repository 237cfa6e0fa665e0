//! The diversity signal.

use std::borrow::Borrow;

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

use super::film::FilmFeatures;
use super::normaliser::{Normaliser, Scale};

/// How many of the last programmed films count.
pub const MEMORY: usize = 24;

/// Each film counts this much as the one programmed after it.
const DECAY: f64 = 0.9;
/// The signal while one film or none has been programmed.
const TOO_FEW_PROGRAMMED: f64 = 0.3;
/// The distance where a field of either film is not known.
const MISSING: f64 = 0.5;

/// The scales on which years, ratings and revenues are compared: by their ranks in the catalogue.
#[derive(Clone, Debug, PartialEq)]
pub struct DiversityScales {
    year: Normaliser,
    rating: Normaliser,
    revenue: Normaliser,
}

impl DiversityScales {
    /// Those of a catalogue; films may be given as references.
    pub fn fit<F: Borrow<FilmFeatures>>(catalogue: &[F]) -> Self {
        let films = || catalogue.iter().map(F::borrow);
        Self {
            year: Normaliser::fit(films().map(FilmFeatures::year_number), Scale::Linear),
            rating: Normaliser::fit(films().map(|film| film.rating), Scale::Linear),
            revenue: Normaliser::fit(films().map(|film| film.revenue), Scale::Log1p),
        }
    }
}

/// What is compared of a film, made once and then cheap to compare with many.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DiversityFeatures {
    /// Digests of the names, ascending, each once.
    genres: SmallVec<[u64; 4]>,
    language: Option<u64>,
    year: Option<f64>,
    rating: Option<f64>,
    revenue: Option<f64>,
}

impl DiversityFeatures {
    /// Those of a film.
    pub fn of(film: &FilmFeatures, scales: &DiversityScales) -> Self {
        let digest = |name: &String| xxh3_64(name.as_bytes());
        let mut genres: SmallVec<[u64; 4]> = film.genres().iter().map(digest).collect();
        genres.sort_unstable();
        genres.dedup();
        let rank = |value: Option<f64>, scale: &Normaliser| {
            let known = value.filter(|value| value.is_finite())?;
            Some(scale.rank(Some(known)))
        };
        Self {
            genres,
            language: film.language.as_ref().map(digest),
            year: rank(film.year_number(), &scales.year),
            rating: rank(film.rating, &scales.rating),
            revenue: rank(film.revenue, &scales.revenue),
        }
    }

    /// The mean of five distances, in [0, 1]: of genres (1 − Jaccard index), language (0 if the same,
    /// otherwise 1), and of the ranks of year, rating and revenue (absolute difference). A field that is not
    /// known of both films has distance ½.
    fn distance(&self, other: &Self) -> f64 {
        let difference = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs(),
            _ => MISSING,
        };
        let language = match (self.language, other.language) {
            (Some(a), Some(b)) => f64::from(u8::from(a != b)),
            _ => MISSING,
        };
        let sum = genre_distance(&self.genres, &other.genres)
            + language
            + difference(self.year, other.year)
            + difference(self.rating, other.rating)
            + difference(self.revenue, other.revenue);
        sum / 5.0
    }
}

/// How different a film is from the last programmed ones, in [0, 1]: its mean distance to the first
/// [`MEMORY`] films of `programmed`, **the latest first**, where film `i` weighs `0.9^i`. The distance of two
/// films is the mean of their distances in genres (1 − Jaccard index), language (0 or 1), year, rating and
/// revenue (difference of the ranks in the catalogue); a field that either film lacks has distance ½. With
/// one film or none in `programmed`, which may be given as references, it is 0.3.
pub fn diversity<F: Borrow<DiversityFeatures>>(film: &DiversityFeatures, programmed: &[F]) -> f64 {
    if programmed.len() < 2 {
        return TOO_FEW_PROGRAMMED;
    }
    let (mut sum, mut weights, mut weight) = (0.0, 0.0, 1.0);
    for other in programmed.iter().take(MEMORY) {
        sum += weight * film.distance(other.borrow());
        weights += weight;
        weight *= DECAY;
    }
    // Rounding of the two sums may exceed 1 by a bit.
    (sum / weights).min(1.0)
}

fn genre_distance(a: &[u64], b: &[u64]) -> f64 {
    if a.is_empty() || b.is_empty() {
        return MISSING;
    }
    let both = a.iter().filter(|genre| b.contains(genre)).count();
    let either = a.len() + b.len() - both;
    1.0 - both as f64 / either as f64
}
