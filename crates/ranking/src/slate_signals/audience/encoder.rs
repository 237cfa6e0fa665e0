//! Airings as features of the audience model: each a code of a few bits, so that trees compare bytes.

use serde::{Deserialize, Serialize};

use super::super::context::BroadcastContext;
use super::super::film::FilmFeatures;
use super::super::normaliser::{Normaliser, Scale};
use super::super::vocabulary::Vocabulary;
use super::Airing;
use super::forest::{BINS, Codes, MOST_FEATURES};

const MOST_CHANNELS: usize = 16;
const MOST_LANGUAGES: usize = 12;
const MOST_GENRES: usize = 28;

/// Hours since six, weekday, season, holiday.
const TIMES: usize = 4;
/// Duration, popularity, votes, age.
const NUMBERS: usize = 4;

const _: () =
    assert!(TIMES + MOST_CHANNELS + NUMBERS + MOST_LANGUAGES + MOST_GENRES <= MOST_FEATURES);

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Encoder {
    numbers: [Normaliser; NUMBERS],
    channels: Vocabulary,
    languages: Vocabulary,
    genres: Vocabulary,
}

fn numbers(film: &FilmFeatures, year: i32) -> [Option<f64>; NUMBERS] {
    [
        film.duration_minutes,
        film.popularity,
        film.votes,
        film.age(year),
    ]
}

impl Encoder {
    /// For airings like these, of films of the catalogue.
    pub(super) fn fit(catalogue: &[FilmFeatures], airings: &[&Airing]) -> Self {
        const SCALES: [Scale; NUMBERS] = [Scale::Linear, Scale::Log1p, Scale::Log1p, Scale::Log1p];
        let films = || airings.iter().map(|it| &catalogue[it.film as usize]);
        let contexts = || airings.iter().map(|it| &it.context);
        let normaliser = |at: usize| {
            let values = films().zip(contexts());
            let values = values.map(|(film, context)| numbers(film, context.year)[at]);
            Normaliser::fit(values, SCALES[at])
        };
        let channels = contexts().map(|context| context.channel.as_str());
        let languages = films().filter_map(|film| film.language.as_deref());
        let genres = films().flat_map(FilmFeatures::genres).map(String::as_str);
        Self {
            numbers: std::array::from_fn(normaliser),
            channels: Vocabulary::fit(channels, MOST_CHANNELS),
            languages: Vocabulary::fit(languages, MOST_LANGUAGES),
            genres: Vocabulary::fit(genres, MOST_GENRES),
        }
    }

    pub(super) fn is_valid(&self) -> bool {
        self.channels.is_valid(MOST_CHANNELS)
            && self.languages.is_valid(MOST_LANGUAGES)
            && self.genres.is_valid(MOST_GENRES)
    }

    /// How many codes are used.
    pub(super) fn width(&self) -> usize {
        self.context_width() + NUMBERS + self.languages.len() + self.genres.len()
    }

    /// How many codes, the first, all films of one occasion have in common.
    pub(super) fn context_width(&self) -> usize {
        TIMES + self.channels.len()
    }

    /// The codes of an occasion; those of films are 0.
    pub(super) fn context(&self, context: &BroadcastContext) -> Codes {
        let mut codes = [0; MOST_FEATURES];
        codes[0] = context.hours_since_six();
        codes[1] = context.weekday.min(7);
        codes[2] = context.season() as u8;
        codes[3] = u8::from(context.holiday);
        if let Some(channel) = self.channels.index(&context.channel) {
            codes[TIMES + channel] = 1;
        }
        codes
    }

    /// Writes the codes of a film that is broadcast in this year behind those of the occasion.
    pub(super) fn write_film(&self, film: &FilmFeatures, year: i32, codes: &mut Codes) {
        let codes = &mut codes[self.context_width()..];
        let ranks = numbers(film, year).into_iter().zip(&self.numbers);
        for (code, (value, normaliser)) in codes.iter_mut().zip(ranks) {
            // From 0 to 63: the rank is in [0, 1].
            *code = (normaliser.rank(value) * (BINS - 1) as f64).round() as u8;
        }
        let codes = &mut codes[NUMBERS..];
        let language = film.language.as_deref();
        if let Some(language) = language.and_then(|name| self.languages.index(name)) {
            codes[language] = 1;
        }
        let codes = &mut codes[self.languages.len()..];
        for genre in film
            .genres()
            .iter()
            .filter_map(|name| self.genres.index(name))
        {
            codes[genre] = 1;
        }
    }
}
