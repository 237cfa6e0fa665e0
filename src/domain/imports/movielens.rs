//! The files of MovieLens: csv since ml-latest, fields between `::` before.

use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use super::message::brief;
use super::model::{ImportedItem, ReadError, UserItemRow};
use super::source::Lines;
use crate::domain::content::{ContentKind, Fields};

mod rows;
mod title;

pub use rows::Rows;
pub use title::Title;

/// How the fields of a line are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// Commas and quotes, with a header line.
    Csv,
    /// `::`, without a header; in UTF-8 or Latin-1.
    Colons,
}

/// The file of a folder that is called `name`, in either form and packed or not.
pub(super) fn find(folder: &Path, name: &str) -> Option<(PathBuf, FileFormat)> {
    [
        ("csv", FileFormat::Csv),
        ("csv.gz", FileFormat::Csv),
        ("dat", FileFormat::Colons),
        ("dat.gz", FileFormat::Colons),
    ]
    .into_iter()
    .map(|(ending, form)| (folder.join(format!("{name}.{ending}")), form))
    .find(|(path, _)| path.exists())
}

fn number(field: &str, name: &str) -> Result<u64, String> {
    field
        .parse()
        .map_err(|_| format!("{name} must be a whole number, not `{}`", brief(field)))
}

/// `links`: what the Internet Movie Database and TMDB call a film.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub line: u64,
    pub film: u64,
    pub imdb: Option<u64>,
    pub tmdb: Option<u64>,
}

pub(super) struct LinkReader(pub Rows<3>);

impl LinkReader {
    pub(super) fn new(lines: Lines, form: FileFormat) -> Self {
        Self(Rows::new(lines, form, ["movieId", "imdbId", "tmdbId"], 2))
    }
}

impl Iterator for LinkReader {
    type Item = Result<Link, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next_with(|line, [film, imdb, tmdb]| {
            let maybe = |field: &str, name| match field {
                "" => Ok(None),
                field => number(field, name).map(Some),
            };
            Ok(Link {
                line,
                film: number(&film, "movieId")?,
                imdb: maybe(&imdb, "imdbId")?,
                tmdb: maybe(&tmdb, "tmdbId")?,
            })
        })
    }
}

/// `movies`: the films, each with its names in other catalogues.
pub(super) struct FilmReader {
    rows: Rows<3>,
    links: FxHashMap<u64, Link>,
    seen: rustc_hash::FxHashSet<u64>,
}

impl FilmReader {
    pub(super) fn new(lines: Lines, form: FileFormat, links: FxHashMap<u64, Link>) -> Self {
        Self {
            rows: Rows::new(lines, form, ["movieId", "title", "genres"], 1),
            links,
            seen: rustc_hash::FxHashSet::default(),
        }
    }
}

impl Iterator for FilmReader {
    type Item = Result<ImportedItem, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (links, seen) = (&mut self.links, &mut self.seen);
        self.rows.next_with(|_, [film, title, genres]| {
            let film = number(&film, "movieId")?;
            let fields = fields(&title, &genres);
            fields.check().map_err(|error| error.to_string())?;
            if !seen.insert(film) {
                return Err(format!("the movieId {film} came up before in this file"));
            }
            let mut names = Vec::new();
            if let Some(link) = links.remove(&film) {
                names.extend(link.imdb.map(|imdb| ("imdb", format!("tt{imdb:07}"))));
                names.extend(link.tmdb.map(|tmdb| ("tmdb", tmdb.to_string())));
            }
            Ok(ImportedItem {
                line: 0,
                warnings: Vec::new(),
                key: film.to_string(),
                fields,
                names,
            })
        })
    }
}

fn fields(title: &str, genres: &str) -> Fields {
    let parsed = Title::read(title);
    let mut fields = Fields::new(ContentKind::Movie, parsed.title);
    fields.year = parsed.year;
    fields.genres = genres
        .split('|')
        .map(str::trim)
        .filter(|genre| !genre.is_empty() && *genre != "(no genres listed)")
        .map(ToOwned::to_owned)
        .collect();
    if !parsed.also.is_empty() {
        fields.metadata = serde_json::json!({ "alsoKnownAs": parsed.also });
    }
    fields
}

/// `users`: of each only the number is taken.
pub(super) struct UserReader(Rows<5>);

impl UserReader {
    pub(super) fn new(lines: Lines, form: FileFormat) -> Self {
        let header = ["userId", "gender", "age", "occupation", "zip"];
        Self(Rows::new(lines, form, header, 4))
    }
}

impl Iterator for UserReader {
    type Item = Result<u64, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next_with(|_, [user, ..]| number(&user, "userId"))
    }
}

/// Reads the rows of a `ratings` or `tags` file, up to the time `until`.
pub(super) struct UserItemReader<T> {
    rows: Rows<4>,
    until: i64,
    read: fn(&str) -> Result<T, String>,
}

impl UserItemReader<f32> {
    pub(super) fn ratings(lines: Lines, form: FileFormat, until: i64) -> Self {
        let header = ["userId", "movieId", "rating", "timestamp"];
        let read = |field: &str| match field.parse() {
            Ok(stars) if (0.5..=5.0).contains(&stars) => Ok(stars),
            _ => Err(format!(
                "a rating is between 0.5 and 5, not `{}`",
                brief(field)
            )),
        };
        Self {
            rows: Rows::new(lines, form, header, 2),
            until,
            read,
        }
    }
}

impl UserItemReader<String> {
    pub(super) fn tags(lines: Lines, form: FileFormat, until: i64) -> Self {
        let header = ["userId", "movieId", "tag", "timestamp"];
        let read = |field: &str| match field.trim() {
            tag if (1..=200).contains(&tag.chars().count()) => Ok(tag.to_owned()),
            _ => Err("a tag has 1 to 200 characters".to_owned()),
        };
        Self {
            rows: Rows::new(lines, form, header, 2),
            until,
            read,
        }
    }
}

impl<T> Iterator for UserItemReader<T> {
    type Item = Result<UserItemRow<T>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (until, read) = (self.until, self.read);
        self.rows.next_with(|line, [user, item, value, at]| {
            let at = at
                .parse()
                .ok()
                .filter(|at| (0..=until).contains(at))
                .ok_or_else(|| {
                    format!(
                        "the timestamp must be seconds between 1970 and now, not `{}`",
                        brief(&at)
                    )
                })?;
            Ok(UserItemRow {
                line,
                user: number(&user, "userId")?,
                item: number(&item, "movieId")?,
                at,
                value: read(&value)?,
            })
        })
    }
}
