//! Films and occasions as features of the curator model.
//!
//! Each pick is compared with unpicked films of the same occasion, so that what is the same for all of them
//! says nothing by itself: a context acts by changing how much the features of a film count. The logit is
//! `a + Σ_j x_j (w_j + Σ_k w_kj)` over the features `j` of the film and the groups `k` that the occasion
//! belongs to: its slot, weekday, weekend, season and channel. That is a logistic regression on the features
//! of the film and their products with the indicators of the context.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::super::context::{BroadcastContext, SEASONS, SLOTS, WEEKDAYS};
use super::super::film::FilmFeatures;
use super::super::normaliser::{Normaliser, Scale};
use super::super::vocabulary::Vocabulary;

const MOST_GENRES: usize = 24;
const MOST_LANGUAGES: usize = 8;
const MOST_CHANNELS: usize = 8;

/// Year, duration, rating, votes, popularity, revenue, age.
const NUMBERS: usize = 7;

const FIRST_SLOT: usize = 1;
const FIRST_WEEKDAY: usize = FIRST_SLOT + SLOTS;
const WEEKEND: usize = FIRST_WEEKDAY + WEEKDAYS;
const FIRST_SEASON: usize = WEEKEND + 1;
const FIRST_CHANNEL: usize = FIRST_SEASON + SEASONS;

/// Feature and value.
pub(super) type Row = SmallVec<[(u32, f64); 16]>;

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Encoder {
    numbers: [Normaliser; NUMBERS],
    genres: Vocabulary,
    languages: Vocabulary,
    channels: Vocabulary,
}

fn numbers(film: &FilmFeatures, year: i32) -> [Option<f64>; NUMBERS] {
    [
        film.year_number(),
        film.duration_minutes,
        film.rating,
        film.votes,
        film.popularity,
        film.revenue,
        film.age(year),
    ]
}

impl Encoder {
    /// For the films of a catalogue, and occasions like these. Ages are counted at the latest of them.
    pub(super) fn fit<'a>(
        catalogue: &[FilmFeatures],
        contexts: impl Iterator<Item = &'a BroadcastContext> + Clone,
    ) -> Self {
        const SCALES: [Scale; NUMBERS] = [
            Scale::Linear,
            Scale::Linear,
            Scale::Linear,
            Scale::Log1p,
            Scale::Log1p,
            Scale::Log1p,
            Scale::Log1p,
        ];
        let year = contexts.clone().map(|context| context.year).max();
        let year = year.unwrap_or_default();
        let normaliser = |at: usize| {
            let values = catalogue.iter().map(|film| numbers(film, year)[at]);
            Normaliser::fit(values, SCALES[at])
        };
        let genres = catalogue.iter().flat_map(FilmFeatures::genres);
        let languages = catalogue.iter().filter_map(|film| film.language.as_deref());
        let channels = contexts.map(|context| context.channel.as_str());
        Self {
            numbers: std::array::from_fn(normaliser),
            genres: Vocabulary::fit(genres.map(String::as_str), MOST_GENRES),
            languages: Vocabulary::fit(languages, MOST_LANGUAGES),
            channels: Vocabulary::fit(channels, MOST_CHANNELS),
        }
    }

    pub(super) fn is_valid(&self) -> bool {
        self.genres.is_valid(MOST_GENRES)
            && self.languages.is_valid(MOST_LANGUAGES)
            && self.channels.is_valid(MOST_CHANNELS)
    }

    /// The features of a film.
    fn film_width(&self) -> usize {
        NUMBERS + self.genres.len() + self.languages.len()
    }

    /// All weights: those of the films, and of their products with each group of occasions.
    pub(super) fn width(&self) -> usize {
        self.film_width() * (FIRST_CHANNEL + self.channels.len())
    }

    /// A film broadcast in this year. Numbers are ranks brought to [−1, 1], names indicators.
    pub(super) fn film(&self, film: &FilmFeatures, year: i32) -> Row {
        let ranks = numbers(film, year).into_iter().zip(&self.numbers);
        let ranks = ranks.map(|(value, normaliser)| 2.0 * normaliser.rank(value) - 1.0);
        let mut row: Row = (0_u32..).zip(ranks).collect();
        let genres = film.genres().iter();
        let mut genres: SmallVec<[usize; 8]> = genres
            .filter_map(|name| self.genres.index(name))
            .map(|genre| NUMBERS + genre)
            .collect();
        genres.sort_unstable();
        genres.dedup();
        row.extend(genres.into_iter().map(|at| (at as u32, 1.0)));
        let language = film.language.as_deref();
        if let Some(language) = language.and_then(|name| self.languages.index(name)) {
            row.push(((NUMBERS + self.genres.len() + language) as u32, 1.0));
        }
        row
    }

    /// The groups that an occasion belongs to, ascending; the first is that of all occasions.
    fn groups(&self, context: &BroadcastContext) -> SmallVec<[usize; 6]> {
        let mut groups: SmallVec<[usize; 6]> = SmallVec::new();
        groups.push(0);
        groups.push(FIRST_SLOT + context.slot());
        groups.extend(context.weekday().map(|weekday| FIRST_WEEKDAY + weekday));
        groups.extend(context.weekend().then_some(WEEKEND));
        groups.push(FIRST_SEASON + context.season());
        let channel = self.channels.index(&context.channel);
        groups.extend(channel.map(|channel| FIRST_CHANNEL + channel));
        groups
    }

    /// The whole row of a film on an occasion. Products with a group have `group_scale` in place of 1, which
    /// makes the penalty hold their weights back `1 / group_scale²` times as strongly.
    pub(super) fn product(
        &self,
        film: &Row,
        context: &BroadcastContext,
        group_scale: f64,
    ) -> Vec<(u32, f64)> {
        let width = self.film_width() as u32;
        let groups = self.groups(context).into_iter();
        groups
            .flat_map(|group| {
                let first = group as u32 * width;
                let scale = if group == 0 { 1.0 } else { group_scale };
                film.iter().map(move |(at, x)| (first + at, scale * x))
            })
            .collect()
    }

    /// Brings the weights of rows with this `group_scale` to rows without.
    pub(super) fn unscale(&self, weights: &mut [f64], group_scale: f64) {
        for weight in weights.iter_mut().skip(self.film_width()) {
            *weight *= group_scale;
        }
    }

    /// The weights of a film's features on an occasion, by which every film of a slate is scored.
    pub(super) fn weights_in(&self, context: &BroadcastContext, weights: &[f64]) -> Vec<f64> {
        let width = self.film_width();
        let mut sums = vec![0.0; width];
        for group in self.groups(context) {
            let weights = weights.iter().skip(group * width);
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += weight;
            }
        }
        sums
    }
}
