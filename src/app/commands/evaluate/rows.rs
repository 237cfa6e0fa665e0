//! Reading files of interactions.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, ensure};
use csv::{Position, StringRecord};
use flate2::bufread::MultiGzDecoder;
use thiserror::Error;

/// Every gzip stream begins so (RFC 1952, §2.3.1), whatever the file is called.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// One row: who took what, and where the file says so how much that says and when it was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// The user.
    pub user: i64,
    /// The item.
    pub item: i64,
    /// A rating, a count or another finite number; the larger, the more the user likes the item.
    pub value: Option<f32>,
    /// Seconds since 1970, or any other count that grows with time.
    pub time: Option<i64>,
}

impl Row {
    /// The user and the item.
    pub fn pair(&self) -> (i64, i64) {
        (self.user, self.item)
    }
}

/// Reads the rows of a CSV file, plain or gzipped: `user,item[,value[,time]]`, in the order of
/// the file.
///
/// The first line is a header if neither of its first two fields is a whole number. Where it
/// names columns for users and items, the columns may come in any order, and those of values
/// (`value`, `rating`, …) and times (`time`, `timestamp`) are found by their names alone; other
/// columns are ignored. Empty lines are passed over; an empty value or time is not known.
///
/// # Errors
/// Names the file and, where there is one, the line: a file that is missing, damaged, not UTF-8
/// or without rows, and a row that is too short or not made of numbers.
pub fn read_rows(path: &Path) -> anyhow::Result<Vec<Row>> {
    read(path).with_context(|| format!("cannot use {}", path.display()))
}

fn read(path: &Path) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    if let Err(BadRow { start, reason }) = parse(open(path)?, &mut rows) {
        let line = line_of_row(open(path)?, &start)?;
        return Err(reason.context(format!("line {line}")));
    }
    ensure!(!rows.is_empty(), "it holds no `user,item` rows");
    Ok(rows)
}

/// Which column holds what.
#[derive(Clone, Copy)]
struct Columns {
    user: usize,
    item: usize,
    value: Option<usize>,
    time: Option<usize>,
}

impl Columns {
    /// Where there is no header.
    const PLAIN: Self = Self {
        user: 0,
        item: 1,
        value: Some(2),
        time: Some(3),
    };

    fn named(header: &StringRecord) -> Self {
        let plain = |name: &str| -> String {
            let kept = name.chars().filter(|letter| letter.is_alphanumeric());
            kept.flat_map(char::to_lowercase).collect()
        };
        let names: Vec<String> = header.iter().map(plain).collect();
        let find = |known: &[&str]| names.iter().position(|name| known.contains(&name.as_str()));
        let user = find(&[
            "user",
            "userid",
            "uid",
            "customer",
            "customerid",
            "visitorid",
        ]);
        let item = find(&[
            "item",
            "itemid",
            "iid",
            "movie",
            "movieid",
            "film",
            "filmid",
            "product",
            "productid",
            "book",
            "bookid",
            "place",
            "placeid",
        ]);
        let (user, item) = user.zip(item).unwrap_or((0, 1));
        let other = |at: &usize| *at != user && *at != item;
        Self {
            user,
            item,
            value: find(&["value", "rating", "weight", "score", "count"]).filter(other),
            time: find(&["time", "timestamp", "at"]).filter(other),
        }
    }
}

fn open(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    let mut file = BufReader::with_capacity(1 << 16, File::open(path)?);
    let zipped = file.fill_buf()?.starts_with(&GZIP_MAGIC);
    Ok(if zipped {
        Box::new(BufReader::new(MultiGzDecoder::new(file)))
    } else {
        Box::new(file)
    })
}

struct BadRow {
    start: Position,
    reason: anyhow::Error,
}

fn parse(input: impl Read, rows: &mut Vec<Row>) -> Result<(), BadRow> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(input);
    let mut record = StringRecord::new();
    let mut first = true;
    let mut columns = Columns::PLAIN;
    loop {
        let start = reader.position().clone();
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => {
                return Err(BadRow {
                    start,
                    reason: explain(error),
                });
            }
        }
        match row(&record, &columns) {
            Ok(row) => rows.push(row),
            Err(NotARow::Header) if first => columns = Columns::named(&record),
            Err(reason) => {
                return Err(BadRow {
                    start,
                    reason: reason.into(),
                });
            }
        }
        first = false;
    }
}

#[derive(Debug, Error)]
enum NotARow {
    #[error("a row needs a user and an item, but this one has one field")]
    Short,
    #[error("neither the user nor the item is a whole number")]
    Header,
    #[error("the user `{0}` is not a whole number")]
    User(String),
    #[error("the item `{0}` is not a whole number")]
    Item(String),
    #[error("the value `{0}` is not a number")]
    Value(String),
    #[error("the time `{0}` is not a number of seconds")]
    Time(String),
}

fn row(record: &StringRecord, columns: &Columns) -> Result<Row, NotARow> {
    let (Some(user), Some(item)) = (record.get(columns.user), record.get(columns.item)) else {
        return Err(NotARow::Short);
    };
    let (user, item) = match (user.parse(), item.parse()) {
        (Ok(user), Ok(item)) => (user, item),
        (Err(_), Err(_)) => return Err(NotARow::Header),
        (Err(_), Ok::<i64, _>(_)) => return Err(NotARow::User(user.to_owned())),
        (Ok::<i64, _>(_), Err(_)) => return Err(NotARow::Item(item.to_owned())),
    };
    let field = |column: Option<usize>| {
        let text = column.and_then(|column| record.get(column));
        text.filter(|text| !text.is_empty())
    };
    let value = field(columns.value)
        .map(|text| match text.parse::<f32>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(NotARow::Value(text.to_owned())),
        })
        .transpose()?;
    let time = field(columns.time)
        .map(|text| seconds(text).ok_or_else(|| NotARow::Time(text.to_owned())))
        .transpose()?;
    Ok(Row {
        user,
        item,
        value,
        time,
    })
}

/// Whole seconds; a fraction is cut off.
fn seconds(text: &str) -> Option<i64> {
    let whole = || text.parse().ok();
    let cut = || {
        let seconds: f64 = text.parse().ok()?;
        // Beyond, not every whole number is an `f64`.
        (seconds.abs() < 9e15).then_some(seconds.floor() as i64)
    };
    whole().or_else(cut)
}

fn explain(error: csv::Error) -> anyhow::Error {
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => anyhow::anyhow!("the text is not UTF-8"),
        _ => anyhow::Error::from(error).context("the file cannot be read"),
    }
}

/// The line a row begins in. The parser knows where it began to look for the row; the empty
/// lines that it passed over from there are counted by looking again.
fn line_of_row(mut input: impl BufRead, start: &Position) -> anyhow::Result<u64> {
    io::copy(&mut input.by_ref().take(start.byte()), &mut io::sink())?;
    let mut line = start.line();
    for byte in input.bytes() {
        match byte {
            Ok(b'\n') => line += 1,
            Ok(b'\r') => {}
            // Where a damaged file breaks off, there is nothing more to count.
            Ok(_) | Err(_) => break,
        }
    }
    Ok(line)
}
