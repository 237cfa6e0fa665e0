//! Reading files of `user,item` pairs.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, ensure};
use csv::{Position, StringRecord};
use flate2::bufread::MultiGzDecoder;
use thiserror::Error;

/// Every gzip stream begins so (RFC 1952, §2.3.1), whatever the file is called.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Reads the pairs of a CSV file, plain or gzipped: `user,item` as whole numbers, further
/// columns ignored, in the order of the file.
///
/// The first line is a header if neither of its first two fields is a whole number. Empty
/// lines are passed over.
///
/// # Errors
/// Names the file and, where there is one, the line: a file that is missing, damaged, not UTF-8
/// or without pairs, and a row that is too short or not made of whole numbers.
pub fn read_pairs(path: &Path) -> anyhow::Result<Vec<(i64, i64)>> {
    read(path).with_context(|| format!("cannot use {}", path.display()))
}

fn read(path: &Path) -> anyhow::Result<Vec<(i64, i64)>> {
    let mut pairs = Vec::new();
    if let Err(BadRow { start, reason }) = parse(open(path)?, &mut pairs) {
        let line = line_of_row(open(path)?, &start)?;
        return Err(reason.context(format!("line {line}")));
    }
    ensure!(!pairs.is_empty(), "it holds no `user,item` rows");
    Ok(pairs)
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

fn parse(input: impl Read, pairs: &mut Vec<(i64, i64)>) -> Result<(), BadRow> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(input);
    let mut record = StringRecord::new();
    let mut first = true;
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
        match pair(&record) {
            Ok(pair) => pairs.push(pair),
            Err(NotAPair::Header) if first => {}
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
enum NotAPair {
    #[error("a row needs a user and an item, but this one has one field")]
    Short,
    #[error("neither the user nor the item is a whole number")]
    Header,
    #[error("the user `{0}` is not a whole number")]
    User(String),
    #[error("the item `{0}` is not a whole number")]
    Item(String),
}

fn pair(record: &StringRecord) -> Result<(i64, i64), NotAPair> {
    let (Some(user), Some(item)) = (record.get(0), record.get(1)) else {
        return Err(NotAPair::Short);
    };
    match (user.parse(), item.parse()) {
        (Ok(user), Ok(item)) => Ok((user, item)),
        (Err(_), Err(_)) => Err(NotAPair::Header),
        (Err(_), Ok::<i64, _>(_)) => Err(NotAPair::User(user.to_owned())),
        (Ok::<i64, _>(_), Err(_)) => Err(NotAPair::Item(item.to_owned())),
    }
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
