//! TMDB's films and credits as csv whose columns hold JSON, as "TMDB 5000" spreads them.

use std::path::{Path, PathBuf};

use chrono::{Datelike, NaiveDate};
use csv::StringRecord;
use rustc_hash::FxHashSet;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::message::brief;
use super::model::{CreditRow, FilmCredits, ImportedItem, ReadError};
use super::source::{Source, Table};
use crate::domain::content::model::CreditRole;
use crate::domain::content::{ContentKind, Fields};

/// The file of a folder whose name holds `word` and ends as csv, packed or not.
pub(super) fn find(folder: &Path, word: &str) -> std::io::Result<Option<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().to_lowercase());
        if name.is_some_and(|name| {
            name.contains(word) && (name.ends_with(".csv") || name.ends_with(".csv.gz"))
        }) {
            found.push(path);
        }
    }
    // The plain one before the packed one, whatever the order of the folder.
    found.sort();
    Ok(found.into_iter().next())
}

/// The places of the columns `N` that must be there.
fn columns<const N: usize>(table: &Table, names: [&str; N]) -> Result<[usize; N], ReadError> {
    let mut indices = [0; N];
    for (index, name) in indices.iter_mut().zip(names) {
        *index = table.column(name).ok_or_else(|| ReadError::File {
            line: 1,
            reason: format!(
                "there is no column `{name}`; there are {}",
                brief(&table.header().join(", "))
            ),
        })?;
    }
    Ok(indices)
}

const FILM_COLUMNS: [&str; 19] = [
    "id",
    "title",
    "original_title",
    "original_language",
    "overview",
    "genres",
    "keywords",
    "popularity",
    "vote_average",
    "vote_count",
    "release_date",
    "runtime",
    "budget",
    "revenue",
    "tagline",
    "homepage",
    "status",
    "production_companies",
    "production_countries",
];

/// The films.
pub(super) struct FilmReader {
    table: Table,
    columns: [usize; 19],
    seen: FxHashSet<u64>,
}

impl FilmReader {
    pub(super) fn new(source: Source) -> Result<Self, ReadError> {
        let table = source.table(b',')?;
        Ok(Self {
            columns: columns(&table, FILM_COLUMNS)?,
            table,
            seen: FxHashSet::default(),
        })
    }
}

impl Iterator for FilmReader {
    type Item = Result<ImportedItem, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (line, record) = match self.table.next() {
            Ok(row) => row?,
            Err(fault) => return Some(Err(fault)),
        };
        let row = film(&Row(record, &self.columns)).and_then(|(id, item)| {
            if self.seen.insert(id) {
                Ok(item)
            } else {
                Err(format!("the id {id} came up before in this file"))
            }
        });
        Some(row.map_err(|reason| ReadError::row(line, reason)))
    }
}

/// A row of films, by the names of its columns.
struct Row<'r>(&'r StringRecord, &'r [usize; 19]);

impl Row<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        let index = FILM_COLUMNS.iter().position(|column| *column == name)?;
        let text = self.0.get(self.1[index])?.trim();
        (!text.is_empty()).then_some(text)
    }

    /// A number of which zero means that it is not known.
    fn number(&self, name: &str) -> Result<Option<f64>, String> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() && number >= 0.0 => {
                Ok((number > 0.0).then_some(number))
            }
            _ => Err(format!("{name} must be a number, not `{}`", brief(text))),
        }
    }

    fn names(&self, name: &str) -> Result<Vec<String>, String> {
        #[derive(Deserialize)]
        struct Named {
            name: String,
        }
        let named: Vec<Named> = list(self.text(name), name)?;
        let mut names = Vec::new();
        for Named { name } in named {
            let name = clean(&name, 200);
            if !name.is_empty() && !names.contains(&name) {
                names.push(name);
            }
        }
        Ok(names)
    }
}

/// A column that holds a JSON array; nothing at all is an empty one.
fn list<T: DeserializeOwned>(text: Option<&str>, name: &str) -> Result<Vec<T>, String> {
    text.map_or_else(
        || Ok(Vec::new()),
        |text| {
            serde_json::from_str(text).map_err(|error| format!("{name} is no JSON list: {error}"))
        },
    )
}

/// Text out of JSON, which can hold what the database cannot store.
fn clean(text: &str, most: usize) -> String {
    let text: String = text.chars().filter(|c| *c != '\0').take(most).collect();
    text.trim().to_owned()
}

fn film(row: &Row<'_>) -> Result<(u64, ImportedItem), String> {
    let id = row.text("id").unwrap_or_default();
    let id: u64 = id
        .parse()
        .map_err(|_| format!("id must be a whole number, not `{}`", brief(id)))?;
    let title = row.text("title").ok_or("there is no title")?;
    let mut fields = Fields::new(ContentKind::Movie, title);
    fields.original_title = row
        .text("original_title")
        .filter(|original| *original != title)
        .map(ToOwned::to_owned);
    fields.description = row.text("overview").unwrap_or_default().to_owned();
    fields.genres = row.names("genres")?;
    for genre in &mut fields.genres {
        // As MovieLens calls it, so that a film of both has it once.
        if genre == "Science Fiction" {
            "Sci-Fi".clone_into(genre);
        }
    }
    fields.tags = row.names("keywords")?;
    fields.tags.truncate(200);
    fields.language = match row.text("original_language") {
        // TMDB's own signs for "none" and for Cantonese.
        Some("xx") => None,
        Some("cn") => Some("yue".to_owned()),
        other => other.map(ToOwned::to_owned),
    };
    let whole = |name: &str| -> Result<Option<i32>, String> {
        let Some(number) = row.number(name)? else {
            return Ok(None);
        };
        if number > f64::from(i32::MAX) {
            return Err(format!("{name} is too large"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "checked just above")]
        Ok(Some(number.round() as i32).filter(|number| *number > 0))
    };
    fields.duration_minutes = whole("runtime")?;
    fields.rating_count = whole("vote_count")?;
    #[expect(clippy::cast_possible_truncation, reason = "a vote has one decimal")]
    let average = row.number("vote_average")?.map(|vote| vote as f32);
    fields.rating_average = average;
    fields.popularity = row.number("popularity")?.unwrap_or_default();
    let released = row
        .text("release_date")
        .map(|date| {
            date.parse::<NaiveDate>()
                .map_err(|_| format!("release_date must be YYYY-MM-DD, not `{}`", brief(date)))
        })
        .transpose()?;
    fields.year = released.map(|date| date.year());
    fields.metadata = metadata(row, released)?;
    fields.check().map_err(|error| error.to_string())?;
    Ok((
        id,
        ImportedItem {
            line: 0,
            warnings: Vec::new(),
            key: id.to_string(),
            fields,
            names: Vec::new(),
        },
    ))
}

fn metadata(row: &Row<'_>, released: Option<NaiveDate>) -> Result<Value, String> {
    let mut metadata = Map::new();
    for name in ["budget", "revenue"] {
        if let Some(dollars) = row.number(name)? {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a count of dollars; `as` keeps what is too large at the end of the range"
            )]
            metadata.insert(name.to_owned(), json!(dollars as u64));
        }
    }
    for name in ["tagline", "homepage", "status"] {
        if let Some(text) = row.text(name) {
            metadata.insert(name.to_owned(), json!(text));
        }
    }
    if let Some(released) = released {
        metadata.insert("releaseDate".to_owned(), json!(released));
    }
    for (column, name) in [
        ("production_companies", "productionCompanies"),
        ("production_countries", "productionCountries"),
    ] {
        let names = row.names(column)?;
        if !names.is_empty() {
            metadata.insert(name.to_owned(), json!(names));
        }
    }
    Ok(Value::Object(metadata))
}

/// The credits.
pub(super) struct CreditReader {
    table: Table,
    columns: [usize; 3],
    seen: FxHashSet<u64>,
    known: FxHashSet<u64>,
}

impl CreditReader {
    /// Reads the credits of the films `known`, by their TMDB ids.
    pub(super) fn new(source: Source, known: FxHashSet<u64>) -> Result<Self, ReadError> {
        let table = source.table(b',')?;
        Ok(Self {
            columns: columns(&table, ["movie_id", "cast", "crew"])?,
            table,
            seen: FxHashSet::default(),
            known,
        })
    }
}

impl Iterator for CreditReader {
    type Item = Result<FilmCredits, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (line, record) = match self.table.next() {
            Ok(row) => row?,
            Err(fault) => return Some(Err(fault)),
        };
        let [film, cast, crew] = self
            .columns
            .map(|index| record.get(index).unwrap_or_default());
        let row = credits(film, cast, crew).and_then(|credits| {
            if !self.known.contains(&credits.key) {
                return Err(format!("there is no film with the TMDB id {}", credits.key));
            }
            if !self.seen.insert(credits.key) {
                return Err(format!(
                    "the film {} came up before in this file",
                    credits.key
                ));
            }
            Ok(credits)
        });
        Some(row.map_err(|reason| ReadError::row(line, reason)))
    }
}

fn credits(film: &str, cast: &str, crew: &str) -> Result<FilmCredits, String> {
    #[derive(Deserialize)]
    struct Player {
        id: u64,
        name: String,
        #[serde(default)]
        character: String,
        #[serde(default)]
        order: i64,
    }
    #[derive(Deserialize)]
    struct Member {
        id: u64,
        name: String,
        job: String,
    }
    let key = film
        .trim()
        .parse()
        .map_err(|_| format!("movie_id must be a whole number, not `{}`", brief(film)))?;
    let some = |text: &'_ str| (!text.trim().is_empty()).then(|| text.to_owned());
    let mut players: Vec<Player> = list(some(cast).as_deref(), "cast")?;
    players.sort_by_key(|player| player.order);
    let members: Vec<Member> = list(some(crew).as_deref(), "crew")?;
    let mut credits: Vec<CreditRow> = Vec::with_capacity(players.len());
    let mut directed = FxHashSet::default();
    for member in members {
        let Some(role) = role(&member.job) else {
            continue;
        };
        // Whoever wrote both story and screenplay is one writer.
        if directed.insert((member.id, role)) {
            credits.push(CreditRow {
                person: member.id,
                name: clean(&member.name, 200),
                role,
                character: None,
            });
        }
    }
    credits.extend(players.into_iter().map(|player| CreditRow {
        person: player.id,
        name: clean(&player.name, 200),
        role: CreditRole::Cast,
        character: Some(clean(&player.character, 500)).filter(|name| !name.is_empty()),
    }));
    // A few entries are damaged at the source; the film's others are good.
    credits.retain(|credit| !credit.name.is_empty());
    Ok(FilmCredits { key, credits })
}

/// What a job of TMDB's crew is to us; most are none.
fn role(job: &str) -> Option<CreditRole> {
    Some(match job {
        "Director" => CreditRole::Director,
        "Writer" | "Screenplay" | "Story" | "Author" | "Co-Writer" | "Teleplay" | "Adaptation" => {
            CreditRole::Writer
        }
        "Producer" => CreditRole::Producer,
        "Original Music Composer" | "Composer" | "Music" => CreditRole::Composer,
        "Director of Photography" | "Cinematography" => CreditRole::Cinematographer,
        "Editor" => CreditRole::Editor,
        _ => return None,
    })
}
