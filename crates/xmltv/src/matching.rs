//! Which film of a catalogue a programme shows.

use rustc_hash::FxHashMap;

use crate::programme::{Programme, ProgrammeKind};
use crate::title;

/// Below this confidence, [`TitleIndex::find`] finds nothing.
pub const MIN_CONFIDENCE: f32 = 0.5;

/// A title of the catalogue.
#[derive(Clone, Debug)]
pub struct CatalogueTitle<K> {
    /// What is answered.
    pub key: K,
    /// The title.
    pub title: String,
    /// The year of production.
    pub year: Option<i32>,
    /// The duration in minutes.
    pub minutes: Option<i32>,
}

/// What is looked for.
#[derive(Clone, Debug)]
pub struct TitleQuery<'q> {
    /// Its titles; each is looked up.
    pub titles: Vec<&'q str>,
    /// The year of production.
    pub year: Option<i32>,
    /// The length of the programme in minutes, with what is shown before, after and in between.
    pub minutes: i64,
    /// Whether it is a film.
    pub kind: ProgrammeKind,
}

impl<'q> TitleQuery<'q> {
    /// Looks for what a programme shows.
    pub fn of(programme: &'q Programme) -> Self {
        Self {
            titles: programme
                .titles
                .iter()
                .map(|title| title.text.as_str())
                .collect(),
            year: programme.year(),
            minutes: programme.minutes(),
            kind: programme.kind(),
        }
    }
}

/// A found title.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match<K> {
    /// The key of the title.
    pub key: K,
    /// How sure it is, from [`MIN_CONFIDENCE`] to 1.
    pub confidence: f32,
}

/// The titles of the films of a catalogue.
///
/// A programme matches a film whose title is the same once both are [normalised](crate::normalise). The
/// confidence is a product of three factors, less half of that of the next best film:
///
/// | | fits | not known | does not fit |
/// | --- | --- | --- | --- |
/// | kind of the programme | 1 (marked as a film) | 0.6 | 0.1 (an episode) |
/// | year | 1 (the same), 0.95 (one more or less) | 0.85 | 0 |
/// | duration | 1 | 0.85 | 0.7 (nearly), 0.3 |
///
/// A duration fits where the programme is 0.9 to 1.6 times as long as the film (half an hour of advertisements
/// around ninety minutes), and nearly fits from 0.8 and up to 2.
#[derive(Clone, Debug)]
pub struct TitleIndex<K> {
    entries: Vec<Indexed<K>>,
    by_title: FxHashMap<String, Vec<u32>>,
}

#[derive(Clone, Debug)]
struct Indexed<K> {
    key: K,
    year: Option<i32>,
    minutes: Option<i32>,
}

/// Of so many films of one title, the first are looked at.
const MOST_OF_ONE_TITLE: usize = 100;

impl<K: Copy + PartialEq> TitleIndex<K> {
    /// Indexes the films of a catalogue; a film may come up several times, with several titles.
    pub fn new(titles: impl IntoIterator<Item = CatalogueTitle<K>>) -> Self {
        let mut index = Self {
            entries: Vec::new(),
            by_title: FxHashMap::default(),
        };
        for CatalogueTitle {
            key,
            title,
            year,
            minutes,
        } in titles
        {
            let Ok(number) = u32::try_from(index.entries.len()) else {
                break;
            };
            let (forms, title_year) = title::forms(&title);
            let year = year.or(title_year);
            index.entries.push(Indexed { key, year, minutes });
            for form in forms {
                let same = index.by_title.entry(form).or_default();
                if same.len() < MOST_OF_ONE_TITLE {
                    same.push(number);
                }
            }
        }
        index
    }

    /// The film that a programme shows; `None` where there is none, or where it is not sure enough.
    pub fn find(&self, query: &TitleQuery<'_>) -> Option<Match<K>> {
        let mut found: Vec<Match<K>> = Vec::new();
        for title in &query.titles {
            let (forms, title_year) = title::forms(title);
            let year = query.year.or(title_year);
            let numbers = forms
                .iter()
                .filter_map(|form| self.by_title.get(form))
                .flatten();
            for number in numbers {
                let Some(entry) = self.entries.get(*number as usize) else {
                    continue;
                };
                let confidence = kind_factor(query.kind)
                    * year_factor(year, entry.year)
                    * duration_factor(query.minutes, entry.minutes);
                match found.iter_mut().find(|known| known.key == entry.key) {
                    Some(known) => known.confidence = known.confidence.max(confidence),
                    None => found.push(Match {
                        key: entry.key,
                        confidence,
                    }),
                }
            }
        }
        // A stable sort: of equal ones, the first of the catalogue.
        found.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        let mut best = *found.first()?;
        // Two films that fit equally are told apart by nothing: half of the confidence is left.
        best.confidence -= found.get(1).map_or(0.0, |second| second.confidence) / 2.0;
        (best.confidence >= MIN_CONFIDENCE).then_some(best)
    }
}

fn kind_factor(kind: ProgrammeKind) -> f32 {
    match kind {
        ProgrammeKind::Film => 1.0,
        // With neither year nor duration, the title alone is not enough.
        ProgrammeKind::Unknown => 0.6,
        ProgrammeKind::Episode => 0.1,
    }
}

fn year_factor(programme: Option<i32>, film: Option<i32>) -> f32 {
    match (programme, film) {
        (Some(programme), Some(film)) => match programme.abs_diff(film) {
            0 => 1.0,
            1 => 0.95,
            _ => 0.0,
        },
        _ => 0.85,
    }
}

fn duration_factor(programme: i64, film: Option<i32>) -> f32 {
    let Some(film) = film.filter(|minutes| *minutes > 0) else {
        return 0.85;
    };
    #[expect(clippy::cast_precision_loss, reason = "minutes of a programme are few")]
    let ratio = programme as f64 / f64::from(film);
    match ratio {
        0.9..=1.6 => 1.0,
        0.8..=2.0 => 0.7,
        _ => 0.3,
    }
}
