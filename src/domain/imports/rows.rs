//! Rows of named values from a file of any format that a mapping file names.

use std::borrow::Cow;

use rustc_hash::FxHashMap;
use serde_json::{Map, Value};

use self::json::Objects;
use super::mapping::{Format, Layout};
use super::message::brief;
use super::model::ReadError;
use super::source::{Lines, Quoting, Source, Table};

mod json;

/// The most names of columns that a message lists.
const LISTED: usize = 20;

/// The rows of a file.
pub(super) struct RowReader {
    input: Input,
    /// The place of each column.
    columns: FxHashMap<String, usize>,
}

enum Input {
    Table(Table),
    /// Values with a delimiter of several characters between them, without quotes.
    Split {
        lines: Lines,
        delimiter: String,
        width: usize,
        record: csv::StringRecord,
    },
    Lines(Lines),
    Array(Objects),
}

/// The values of one row.
pub(super) enum Cells<'a> {
    /// By the places of the columns.
    Record(&'a FxHashMap<String, usize>, &'a csv::StringRecord),
    /// By paths of keys.
    Object(Value),
}

impl RowReader {
    /// Reads `source`, of which the columns `wanted` are needed.
    pub(super) fn new<'a>(
        source: Source,
        layout: &Layout,
        mut wanted: impl Iterator<Item = &'a str>,
    ) -> Result<Self, ReadError> {
        let fault = |reason: String| ReadError::File { line: 1, reason };
        let named = (!layout.columns.is_empty()).then(|| layout.columns.clone());
        let (input, header) = match layout.format {
            Format::Jsonl => (Input::Lines(source.lines()), Vec::new()),
            Format::Json => (Input::Array(Objects::new(source)), Vec::new()),
            Format::Csv if layout.delimiter.len() == 1 => {
                let quoting = Quoting {
                    quotes: layout.quotes,
                    escape: layout.escape.and_then(|letter| u8::try_from(letter).ok()),
                };
                let delimiter = layout.delimiter.bytes().next().unwrap_or(b',');
                let table = source.table_of(delimiter, quoting, named)?;
                let header = table.header().to_vec();
                (Input::Table(table), header)
            }
            Format::Csv => {
                let mut lines = source.lines();
                let header = match named {
                    Some(names) => names,
                    None => {
                        let line = lines.next()?;
                        let (_, line) =
                            line.ok_or_else(|| fault("the file is empty".to_owned()))?;
                        let line = String::from_utf8_lossy(line);
                        let names = line.split(layout.delimiter.as_str());
                        names.map(|name| name.trim().to_owned()).collect()
                    }
                };
                let input = Input::Split {
                    lines,
                    delimiter: layout.delimiter.clone(),
                    width: header.len(),
                    record: csv::StringRecord::new(),
                };
                (input, header)
            }
        };
        let mut columns = FxHashMap::default();
        for (index, name) in header.iter().enumerate() {
            // A name that comes twice is refused below where the mapping reads it.
            columns.entry(name.clone()).or_insert(index);
        }
        if layout.format == Format::Csv {
            check_header(&header, layout.columns.is_empty()).map_err(fault)?;
            if let Some(name) = wanted.find(|name| {
                !columns.contains_key(*name)
                    || header.iter().filter(|other| other == name).count() > 1
            }) {
                return Err(fault(match columns.contains_key(name) {
                    true => format!(
                        "the mapping reads the column `{}`, which the file has more than once; rename one of them",
                        brief(name)
                    ),
                    false => format!(
                        "the mapping reads the column `{}`; the file has {}",
                        brief(name),
                        listed(&header)
                    ),
                }));
            }
        }
        Ok(Self { input, columns })
    }

    /// The next row with the line it begins on, or `None` behind the last.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Cells<'_>)>, ReadError> {
        let columns = &self.columns;
        Ok(match &mut self.input {
            Input::Table(table) => table
                .next()?
                .map(|(line, record)| (line, Cells::Record(columns, record))),
            Input::Split {
                lines,
                delimiter,
                width,
                record,
            } => match lines.next()? {
                None => None,
                Some((line, bytes)) => {
                    let text = text(line, bytes)?;
                    record.clear();
                    for field in text.split(delimiter.as_str()) {
                        record.push_field(field);
                    }
                    if record.len() != *width {
                        let reason = format!("{} columns instead of {width}", record.len());
                        return Err(ReadError::row(line, reason));
                    }
                    Some((line, Cells::Record(columns, record)))
                }
            },
            Input::Lines(lines) => match lines.next()? {
                None => None,
                Some((line, bytes)) => {
                    if line == 1 && bytes.trim_ascii_start().starts_with(b"[") {
                        let reason = "this is an array of JSON and no lines of JSON objects; write `format = \
                                      \"json\"`";
                        return Err(ReadError::File {
                            line,
                            reason: reason.to_owned(),
                        });
                    }
                    Some((line, object(line, bytes)?))
                }
            },
            Input::Array(objects) => match objects.next()? {
                None => None,
                Some((line, bytes)) => Some((line, object(line, bytes)?)),
            },
        })
    }
}

fn text(line: u64, bytes: &[u8]) -> Result<&str, ReadError> {
    let text = std::str::from_utf8(bytes).map_err(|_| ReadError::row(line, "not UTF-8"))?;
    match text.contains('\0') {
        true => Err(ReadError::row(line, "it holds the character U+0000")),
        false => Ok(text),
    }
}

fn object<'a>(line: u64, bytes: &[u8]) -> Result<Cells<'a>, ReadError> {
    let exact = json::long_numbers_as_text(bytes);
    serde_json::from_slice::<Map<String, Value>>(&exact)
        .map(|object| Cells::Object(Value::Object(object)))
        .map_err(|error| ReadError::row(line, format!("no JSON object: {error}")))
}

/// Says what a file is that does not begin like csv.
fn check_header(header: &[String], from_file: bool) -> Result<(), String> {
    let first = header.first().map_or("", |name| name.trim_start());
    if !from_file {
        return Ok(());
    }
    let is = match first.as_bytes() {
        [b'<', ..] => "XML or HTML, which cannot be read; export it as csv or JSON",
        [b'{', ..] => "JSON; write `format = \"jsonl\"`",
        [b'[', b'{' | b'[', ..] | [b'['] => "an array of JSON; write `format = \"json\"`",
        _ => return Ok(()),
    };
    Err(format!("this is no csv but {is}"))
}

/// The names of columns as a message lists them.
fn listed(header: &[String]) -> String {
    let names: Vec<Cow<'_, str>> = header.iter().take(LISTED).map(|name| brief(name)).collect();
    let names = names.join(", ");
    match header.len().checked_sub(LISTED) {
        None | Some(0) => names,
        Some(more) => format!("{names} and {more} more"),
    }
}

impl Cells<'_> {
    /// The text of a column without blanks around it; `None` where it is empty. Of a list the first entry.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        let text = match self {
            Self::Record(columns, record) => {
                let text = columns.get(name).and_then(|index| record.get(*index));
                Cow::Borrowed(text?.trim())
            }
            Self::Object(_) => {
                let first = self.entries(name).into_iter().next()?;
                Cow::Owned(first.trim().to_owned())
            }
        };
        (!text.is_empty()).then_some(text)
    }

    /// The entries of a column: several for a list of JSON, none where there is nothing.
    pub(super) fn entries(&self, name: &str) -> Vec<String> {
        match self {
            Self::Record(columns, record) => {
                let text = columns.get(name).and_then(|index| record.get(*index));
                text.map(ToOwned::to_owned).into_iter().collect()
            }
            Self::Object(object) => json::entries(object, name),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::mapping::Mapping;
    use super::super::source::Limits;
    use super::*;

    fn read(bytes: &[u8], layout: &Layout, names: &[&str]) -> Vec<Result<Vec<String>, ReadError>> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let source = Source::open_decoded(file.path(), Limits::default(), None).unwrap();
        let mut reader = match RowReader::new(source, layout, names.iter().copied()) {
            Ok(reader) => reader,
            Err(fault) => return vec![Err(fault)],
        };
        let mut found = Vec::new();
        loop {
            match reader.next() {
                Ok(None) => return found,
                Ok(Some((_, cells))) => {
                    let texts = names
                        .iter()
                        .map(|name| cells.text(name).unwrap_or_default());
                    found.push(Ok(texts.map(Cow::into_owned).collect()));
                }
                Err(fault) => {
                    let over = matches!(fault, ReadError::File { .. });
                    found.push(Err(fault));
                    if over {
                        return found;
                    }
                }
            }
        }
    }

    fn layout(text: &str) -> Layout {
        toml::from_str::<Mapping>(text).unwrap().layout()
    }

    #[test]
    fn every_format_gives_the_same_rows() {
        let expected = [
            Ok(vec!["1".to_owned(), "a".to_owned()]),
            Ok(vec!["2".to_owned(), "b".to_owned()]),
        ];
        for (bytes, text) in [
            (&b"id,name\n1,a\n2,b\n"[..], ""),
            (b"id\tname\n1\ta\n2\tb\n", "delimiter = \"\\t\""),
            (b"id;name\n1; a \n2;b", "delimiter = \";\""),
            (b"id::name\n1::a\n2::b\n", "delimiter = \"::\""),
            (
                b"1::a\n2::b\n",
                "delimiter = \"::\"\ncolumns = [\"id\", \"name\"]",
            ),
            (
                b"1|a\n2|b\n",
                "delimiter = \"|\"\ncolumns = [\"id\", \"name\"]",
            ),
            (
                b"{\"id\":1,\"name\":\"a\"}\n{\"id\":\"2\",\"name\":[\"b\",\"c\"]}\n",
                "format = \"jsonl\"",
            ),
            (
                b"[{\"id\":1,\"name\":\"a\"},\n {\"id\":2,\"name\":\"b\"}]\n",
                "format = \"json\"",
            ),
        ] {
            assert_eq!(
                read(bytes, &layout(text), &["id", "name"]),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn quotes_can_be_escaped_or_mean_nothing() {
        let escaped = layout("delimiter = \";\"\nescape = \"\\\\\"");
        let found = read(
            b"\"id\";\"name\"\n\"1\";\"a \\\"b\\\"; c\"\n",
            &escaped,
            &["id", "name"],
        );
        assert_eq!(found, [Ok(vec!["1".to_owned(), "a \"b\"; c".to_owned()])]);
        let bare = layout("delimiter = \"\\t\"\nquotes = false");
        let found = read(b"id\tname\n1\t\"a\n", &bare, &["id", "name"]);
        assert_eq!(found, [Ok(vec!["1".to_owned(), "\"a".to_owned()])]);
    }

    #[test]
    fn what_is_no_csv_is_told_in_one_sentence() {
        for (bytes, text, words) in [
            (&b"<rss><channel>\n</channel></rss>"[..], "", "XML"),
            (b"[{\"id\": 1}]", "", "format = \"json\""),
            (b"{\"id\": 1}", "", "format = \"jsonl\""),
            (b"[{\"id\": 1}]", "format = \"jsonl\"", "format = \"json\""),
            (b"{\"id\": 1}", "format = \"json\"", "format = \"jsonl\""),
            (b"id,id\n1,2\n", "", "more than once"),
            (b"a,b\n1,2\n", "", "the file has a, b"),
        ] {
            let found = read(bytes, &layout(text), &["id"]);
            let [Err(ReadError::File { reason, .. })] = found.as_slice() else {
                panic!("{text}: {found:?}");
            };
            assert!(reason.contains(words), "{reason}");
        }
    }

    #[test]
    fn a_header_of_many_columns_makes_a_short_message() {
        let header = (0..100_000)
            .map(|n| format!("column{n}"))
            .collect::<Vec<_>>();
        let found = read(header.join(",").as_bytes(), &layout(""), &["id"]);
        let [Err(ReadError::File { reason, .. })] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert!(
            reason.len() < 2000 && reason.ends_with("and 99980 more"),
            "{reason}"
        );
    }
}
