//! What a guide says of a programme.

use chrono::{DateTime, Datelike, TimeDelta, Utc};

/// A channel that a guide declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// The line of its element, from 1.
    pub line: u64,
    /// The id by which programmes name it; may hold blanks, `@` and dots.
    pub id: String,
    /// Its names, in the order of the guide.
    pub names: Vec<LocalizedText>,
}

/// A text, and its language where the guide says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalizedText {
    /// The text.
    pub text: String,
    /// The language, as `en` or `en_GB`.
    pub language: Option<String>,
}

/// A number of an episode, in one of the systems that guides use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpisodeNumber {
    /// The system, as `xmltv_ns`, `onscreen`, `dd_progid` or `themoviedb.org`; `onscreen` where it is left out.
    pub system: String,
    /// The number, as it is written.
    pub value: String,
}

/// Whether a programme is a film.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgrammeKind {
    /// The guide marks it as a film, and nothing speaks against it.
    Film,
    /// An episode of a series, or a programme of a kind that is no film.
    Episode,
    /// The guide does not say.
    Unknown,
}

/// A programme of a guide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programme {
    /// The line of its element, from 1.
    pub line: u64,
    /// The id of the channel in this guide.
    pub channel: String,
    /// When it begins.
    pub start: DateTime<Utc>,
    /// When it ends; later than the start.
    pub stop: DateTime<Utc>,
    /// Its titles, at least one, in the order of the guide.
    pub titles: Vec<LocalizedText>,
    /// Its further titles: of the episode, or a translation.
    pub sub_titles: Vec<LocalizedText>,
    /// Its categories; several in one text ("Movie/Drama, Comedy") are taken apart.
    pub categories: Vec<String>,
    /// The date, `YYYY`, `YYYYMM` or `YYYYMMDD`: of production, though some guides give that of the broadcast.
    pub date: Option<String>,
    /// Its numbers as an episode, and its ids in other systems.
    pub episode_numbers: Vec<EpisodeNumber>,
    /// The guide marks it as new.
    pub is_new: bool,
    /// The guide marks it as a premiere.
    pub is_premiere: bool,
    /// The guide marks it as shown before. Some guides mark one programme as this and as new.
    pub is_repeat: bool,
}

/// A programme shorter than this is no feature film, in minutes.
const SHORTEST_FILM: i64 = 40;

/// Words that, as the last of a category or alone, mark a film.
const FILM_WORDS: &[&str] = &[
    "movie",
    "movies",
    "film",
    "films",
    "cinema",
    "spielfilm",
    "spielfilme",
    "fernsehfilm",
    "kinofilm",
    "telefilm",
    "tvfilm",
    "película",
    "películas",
    "pelicula",
    "peliculas",
    "cine",
    "cinéma",
    "elokuva",
    "elokuvat",
    "filme",
    "filmes",
    "filmi",
    "filmy",
    "speelfilm",
    "spillefilm",
    "långfilm",
    "фильм",
    "фильмы",
    "кино",
    "映画",
    "电影",
    "電影",
];

/// Words that, as the last of a category or alone, mark what is no film.
const SERIES_WORDS: &[&str] = &[
    "series",
    "serie",
    "serien",
    "serial",
    "soap",
    "sitcom",
    "show",
    "news",
    "sport",
    "sports",
    "reality",
    "magazine",
    "miniseries",
    "episode",
];

impl Programme {
    /// The title in the first of these languages that the guide has it in (`en` also finds `en_GB`), or
    /// else the first title.
    pub fn title(&self, languages: &[&str]) -> &str {
        let find = |language: &&str| {
            self.titles.iter().find(|title| {
                title.language.as_deref().is_some_and(|found| {
                    let found = found.split(['-', '_']).next().unwrap_or_default();
                    found.eq_ignore_ascii_case(language)
                })
            })
        };
        let preferred = languages.iter().find_map(find);
        preferred
            .or_else(|| self.titles.first())
            .map_or("", |title| title.text.as_str())
    }

    /// How long it runs, in minutes.
    pub fn minutes(&self) -> i64 {
        (self.stop - self.start).num_minutes()
    }

    /// The year of production. `None` where the guide gives none, or gives the day of the broadcast
    /// instead (`<date>` beside a repeat often is that).
    pub fn year(&self) -> Option<i32> {
        let date = self.date.as_deref()?;
        let year = date.get(..4)?.parse::<i32>().ok()?;
        if date.len() >= 8 {
            let day = chrono::NaiveDate::parse_from_str(date.get(..8)?, "%Y%m%d").ok()?;
            // In any time zone.
            if (self.start.date_naive() - day).abs() <= TimeDelta::days(1) {
                return None;
            }
        }
        (1870..=self.start.year() + 1)
            .contains(&year)
            .then_some(year)
    }

    /// Whether it is a film, by its ids, its episode numbers and its categories, in this order.
    pub fn kind(&self) -> ProgrammeKind {
        let ids = || self.episode_numbers.iter();
        if ids().any(EpisodeNumber::is_film) {
            return ProgrammeKind::Film;
        }
        if ids().any(EpisodeNumber::is_episode) {
            return ProgrammeKind::Episode;
        }
        let marked = |words: &[&str]| {
            self.categories.iter().any(|category| {
                let category = category.to_lowercase();
                // "Drama (general)" is a drama.
                let category = category.split('(').next().unwrap_or_default().trim();
                let last = category.split_whitespace().next_back().unwrap_or_default();
                words.contains(&last)
            })
        };
        if marked(FILM_WORDS) {
            return if self.minutes() < SHORTEST_FILM {
                ProgrammeKind::Unknown
            } else {
                ProgrammeKind::Film
            };
        }
        if marked(SERIES_WORDS) {
            return ProgrammeKind::Episode;
        }
        ProgrammeKind::Unknown
    }

    /// The ids of the film in other catalogues, each with its source: `tmdb` or `imdb`.
    pub fn film_ids(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.episode_numbers
            .iter()
            .filter_map(EpisodeNumber::film_id)
    }
}

impl EpisodeNumber {
    fn is_film(&self) -> bool {
        // IMDb numbers series and films alike.
        self.film_id().is_some_and(|(source, _)| source == "tmdb")
            || (self.system == "dd_progid" && self.value.starts_with("MV"))
    }

    fn film_id(&self) -> Option<(&'static str, &str)> {
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match self.system.as_str() {
            "themoviedb.org" | "themoviedb.com" => {
                let id = self.value.strip_prefix("movie/")?;
                digits(id).then_some(("tmdb", id))
            }
            "imdb.com" => {
                let id = self.value.strip_prefix("title/").unwrap_or(&self.value);
                let number = id.strip_prefix("tt")?;
                digits(number).then_some(("imdb", id))
            }
            _ => None,
        }
    }

    /// Whether this numbers an episode of a series.
    fn is_episode(&self) -> bool {
        let value = self.value.as_str();
        match self.system.as_str() {
            // Season, episode and part, counted from 0; a film in two parts has a part alone.
            "xmltv_ns" => value
                .split('.')
                .take(2)
                .any(|part| part.bytes().any(|byte| byte.is_ascii_digit())),
            "onscreen" | "common" => value.bytes().any(|byte| byte.is_ascii_digit()),
            "dd_progid" => value.starts_with("EP") || value.starts_with("SH"),
            "themoviedb.org" | "themoviedb.com" => value.starts_with("tv/"),
            "thetvdb.com" => value.starts_with("series/") || value.starts_with("episode/"),
            _ => false,
        }
    }
}
