//! The files of MovieLens: csv since ml-latest, fields between `::` before.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use super::model::{Deed, Fault, Item};
use super::source::Lines;
use crate::domain::content::{ContentKind, Fields};

/// How the fields of a line are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Commas and quotes, with a header line.
    Csv,
    /// `::`, without a header; in UTF-8 or Latin-1.
    Colons,
}

/// The file of a folder that is called `name`, in either form and packed or not.
pub(super) fn find(folder: &Path, name: &str) -> Option<(PathBuf, Form)> {
    [
        ("csv", Form::Csv),
        ("csv.gz", Form::Csv),
        ("dat", Form::Colons),
        ("dat.gz", Form::Colons),
    ]
    .into_iter()
    .map(|(ending, form)| (folder.join(format!("{name}.{ending}")), form))
    .find(|(path, _)| path.exists())
}

/// The rows of one file, `N` fields each.
pub struct Rows<const N: usize> {
    lines: Lines,
    form: Form,
    header: Option<[&'static str; N]>,
    /// The field that may hold `::` itself.
    open: usize,
}

impl<const N: usize> Rows<N> {
    /// Reads `lines`, whose fields are those of `header`; the one at `open` may hold any text.
    pub fn new(lines: Lines, form: Form, header: [&'static str; N], open: usize) -> Self {
        Self {
            lines,
            form,
            header: (form == Form::Csv).then_some(header),
            open,
        }
    }

    /// The next row, as `read` understands it.
    fn next_with<T>(
        &mut self,
        read: impl FnOnce(u64, [Cow<'_, str>; N]) -> Result<T, String>,
    ) -> Option<Result<T, Fault>> {
        if let Some(header) = self.header.take()
            && let Err(fault) = self.check(header)
        {
            return Some(Err(fault));
        }
        let (number, line) = match self.lines.next() {
            Ok(Some(line)) => line,
            Ok(None) => return None,
            Err(fault) => return Some(Err(fault)),
        };
        let text = match (std::str::from_utf8(line), self.form) {
            (Ok(text), _) => Cow::Borrowed(text),
            // Each byte of Latin-1 is the character of that number.
            (Err(_), Form::Colons) => Cow::Owned(line.iter().copied().map(char::from).collect()),
            (Err(_), Form::Csv) => {
                return Some(Err(Fault::row(number, "not UTF-8")));
            }
        };
        let fields = match self.form {
            Form::Csv => csv_fields(&text),
            Form::Colons => colon_fields(&text, self.open),
        };
        let row = fields.and_then(|fields| {
            if fields.iter().any(|field| field.contains('\0')) {
                return Err("it holds the character U+0000".to_owned());
            }
            read(number, fields)
        });
        Some(row.map_err(|reason| Fault::row(number, reason)))
    }

    fn check(&mut self, header: [&'static str; N]) -> Result<(), Fault> {
        let wrong = |line: u64| Fault::File {
            line,
            reason: format!("the first line must be `{}`", header.join(",")),
        };
        let Some((number, line)) = self.lines.next()? else {
            return Err(wrong(1));
        };
        let good = std::str::from_utf8(line)
            .ok()
            .and_then(|line| csv_fields::<N>(line).ok())
            .is_some_and(|found| {
                found
                    .iter()
                    .zip(header)
                    .all(|(name, wanted)| name == wanted)
            });
        if good { Ok(()) } else { Err(wrong(number)) }
    }
}

/// The `N` fields of a line between commas, some in quotes. No row of MovieLens runs over lines.
fn csv_fields<const N: usize>(line: &str) -> Result<[Cow<'_, str>; N], String> {
    let mut fields = [const { Cow::Borrowed("") }; N];
    let mut count = 0;
    let mut rest = Some(line);
    while let Some(text) = rest {
        let (field, after) = match text.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => match text.split_once(',') {
                Some((field, after)) => (Cow::Borrowed(field), Some(after)),
                None => (Cow::Borrowed(text), None),
            },
        };
        if let Some(place) = fields.get_mut(count) {
            *place = field;
        }
        count += 1;
        rest = after;
    }
    right_count(count, fields)
}

/// A field behind its opening quote, and what follows the comma behind the closing one.
fn quoted_field(text: &str) -> Result<(Cow<'_, str>, Option<&str>), String> {
    let mut from = 0;
    while let Some(quote) = text[from..].find('"').map(|place| from + place) {
        let after = &text[quote + 1..];
        if after.starts_with('"') {
            from = quote + 2;
            continue;
        }
        let field = &text[..quote];
        let field = if from > 0 {
            Cow::Owned(field.replace("\"\"", "\""))
        } else {
            Cow::Borrowed(field)
        };
        return match after.strip_prefix(',') {
            Some(after) => Ok((field, Some(after))),
            None if after.is_empty() => Ok((field, None)),
            None => Err("text between a closing quote and the comma".to_owned()),
        };
    }
    Err("a quote is not closed".to_owned())
}

/// The `N` fields of a line between `::`; what is too much belongs to the field at `open`.
fn colon_fields<const N: usize>(line: &str, open: usize) -> Result<[Cow<'_, str>; N], String> {
    let mut fields = [const { Cow::Borrowed("") }; N];
    let mut rest = line;
    for field in fields.iter_mut().take(open) {
        let Some((text, after)) = rest.split_once("::") else {
            return right_count(line.split("::").count(), fields);
        };
        *field = Cow::Borrowed(text);
        rest = after;
    }
    for place in (open + 1..N).rev() {
        let Some((before, text)) = rest.rsplit_once("::") else {
            return right_count(line.split("::").count(), fields);
        };
        fields[place] = Cow::Borrowed(text);
        rest = before;
    }
    if let Some(field) = fields.get_mut(open) {
        *field = Cow::Borrowed(rest);
    }
    Ok(fields)
}

fn right_count<T, const N: usize>(count: usize, fields: [T; N]) -> Result<[T; N], String> {
    if count == N {
        Ok(fields)
    } else {
        Err(format!("{count} columns instead of {N}"))
    }
}

fn number(field: &str, name: &str) -> Result<u64, String> {
    field
        .parse()
        .map_err(|_| format!("{name} must be a whole number, not `{}`", brief(field)))
}

/// A value as a reason repeats it.
pub(super) fn brief(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(40) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// `links`: what the Internet Movie Database and TMDB call a film.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub line: u64,
    pub film: u64,
    pub imdb: Option<u64>,
    pub tmdb: Option<u64>,
}

pub(super) struct Links(pub Rows<3>);

impl Links {
    pub(super) fn new(lines: Lines, form: Form) -> Self {
        Self(Rows::new(lines, form, ["movieId", "imdbId", "tmdbId"], 2))
    }
}

impl Iterator for Links {
    type Item = Result<Link, Fault>;

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
pub(super) struct Films {
    rows: Rows<3>,
    links: FxHashMap<u64, Link>,
    seen: rustc_hash::FxHashSet<u64>,
}

impl Films {
    pub(super) fn new(lines: Lines, form: Form, links: FxHashMap<u64, Link>) -> Self {
        Self {
            rows: Rows::new(lines, form, ["movieId", "title", "genres"], 1),
            links,
            seen: rustc_hash::FxHashSet::default(),
        }
    }
}

impl Iterator for Films {
    type Item = Result<Item, Fault>;

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
            Ok(Item {
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

/// A title of MovieLens taken apart: "Matrix, The (1999)" is The Matrix of 1999.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title {
    /// With its article in front.
    pub title: String,
    /// From the brackets at the end.
    pub year: Option<i32>,
    /// Other titles, which stand in brackets between title and year.
    pub also: Vec<String>,
}

impl Title {
    /// Takes a title apart; what does not look like one of MovieLens is the title itself.
    pub fn read(text: &str) -> Self {
        let (mut rest, year) = match last_bracket(text.trim()) {
            Some((before, inside)) if is_year(inside) => (before, inside.parse().ok()),
            _ => (text.trim(), None),
        };
        let mut also = Vec::new();
        while let Some((before, inside)) = last_bracket(rest) {
            if !is_title(inside) || before.is_empty() {
                break;
            }
            also.insert(0, with_article(inside.trim_start_matches("a.k.a. ")));
            rest = before;
        }
        Self {
            title: with_article(rest),
            year,
            also,
        }
    }
}

/// What stands before the brackets at the end of a text, and what in them.
fn last_bracket(text: &str) -> Option<(&str, &str)> {
    let (before, inside) = text.strip_suffix(')')?.rsplit_once('(')?;
    Some((before.trim_end(), inside.trim()))
}

fn is_year(text: &str) -> bool {
    text.len() == 4
        && text.bytes().all(|digit| digit.is_ascii_digit())
        && text
            .parse()
            .is_ok_and(|year: i32| (1800..=2200).contains(&year))
}

/// Whether the text in brackets is another title, and not "Part 2", "3D" or "Volume One".
fn is_title(text: &str) -> bool {
    let part = ["part", "vol", "chapter", "episode", "season"];
    let lower = text.to_lowercase();
    text.chars().filter(|c| c.is_alphabetic()).count() > 2
        && !part.iter().any(|word| lower.starts_with(word))
        && !text.contains(')')
}

/// Articles that MovieLens moves behind the title.
const ARTICLES: &[&str] = &[
    "The", "A", "An", "La", "Le", "Les", "L'", "Il", "Lo", "Gli", "I", "Der", "Die", "Das", "El",
    "Los", "Las", "Un", "Une", "Una", "Uno", "O", "Os", "As", "Den", "Det", "De", "Het", "Ein",
    "Eine", "En", "Ett",
];

fn with_article(title: &str) -> String {
    let title = title.trim();
    match title.rsplit_once(", ") {
        Some((rest, article)) if ARTICLES.contains(&article) => {
            let space = if article.ends_with('\'') { "" } else { " " };
            format!("{article}{space}{rest}")
        }
        _ => title.to_owned(),
    }
}

/// `users`: of each only the number is taken.
pub(super) struct Users(Rows<5>);

impl Users {
    pub(super) fn new(lines: Lines, form: Form) -> Self {
        let header = ["userId", "gender", "age", "occupation", "zip"];
        Self(Rows::new(lines, form, header, 4))
    }
}

impl Iterator for Users {
    type Item = Result<u64, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next_with(|_, [user, ..]| number(&user, "userId"))
    }
}

/// `ratings` and `tags`: what users did, up to a moment.
pub(super) struct Deeds<T> {
    rows: Rows<4>,
    until: i64,
    read: fn(&str) -> Result<T, String>,
}

impl Deeds<f32> {
    pub(super) fn ratings(lines: Lines, form: Form, until: i64) -> Self {
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

impl Deeds<String> {
    pub(super) fn tags(lines: Lines, form: Form, until: i64) -> Self {
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

impl<T> Iterator for Deeds<T> {
    type Item = Result<Deed<T>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let (until, read) = (self.until, self.read);
        self.rows.next_with(|line, [user, item, what, at]| {
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
            Ok(Deed {
                line,
                user: number(&user, "userId")?,
                item: number(&item, "movieId")?,
                at,
                what: read(&what)?,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_taken_apart() {
        for (text, title, year, also) in [
            ("Matrix, The (1999)", "The Matrix", Some(1999), &[][..]),
            ("Misérables, Les (1995)", "Les Misérables", Some(1995), &[]),
            ("Avventura, L' (1960)", "L'Avventura", Some(1960), &[]),
            (
                "City of Lost Children, The (Cité des enfants perdus, La) (1995)",
                "The City of Lost Children",
                Some(1995),
                &["La Cité des enfants perdus"],
            ),
            (
                "Seven (a.k.a. Se7en) (1995)",
                "Seven",
                Some(1995),
                &["Se7en"],
            ),
            ("Hyena Road", "Hyena Road", None, &[]),
            (
                "Death Note (2006–2007)",
                "Death Note (2006–2007)",
                None,
                &[],
            ),
            (
                "Ready, Steady, Go (1999) ",
                "Ready, Steady, Go",
                Some(1999),
                &[],
            ),
            (
                "Jackass (Part 2) (2006)",
                "Jackass (Part 2)",
                Some(2006),
                &[],
            ),
            (
                "(500) Days of Summer (2009)",
                "(500) Days of Summer",
                Some(2009),
                &[],
            ),
            ("(2001)", "", Some(2001), &[]),
            ("", "", None, &[]),
        ] {
            let read = Title::read(text);
            assert_eq!((read.title.as_str(), read.year), (title, year), "{text}");
            assert_eq!(read.also, also, "{text}");
        }
    }

    #[test]
    fn a_line_has_its_fields_or_says_how_many() {
        assert_eq!(
            csv_fields::<3>(r#"1,"a, ""b""",c"#).unwrap(),
            ["1", "a, \"b\"", "c"]
        );
        assert_eq!(csv_fields::<3>("1,,").unwrap(), ["1", "", ""]);
        assert_eq!(
            csv_fields::<3>("1,2").unwrap_err(),
            "2 columns instead of 3"
        );
        assert_eq!(
            csv_fields::<2>("1,\"2").unwrap_err(),
            "a quote is not closed"
        );
        assert!(csv_fields::<2>("1,\"2\"3").is_err());
        assert_eq!(
            colon_fields::<3>("1::Face::Off::Action", 1).unwrap(),
            ["1", "Face::Off", "Action"]
        );
        assert_eq!(
            colon_fields::<4>("1::2::5", 2).unwrap_err(),
            "3 columns instead of 4"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_line_is_read_or_refused(text in ".{0,60}") {
            let _ = csv_fields::<3>(&text);
            let _ = colon_fields::<3>(&text, 1);
            let _ = Title::read(&text);
        }
    }
}
