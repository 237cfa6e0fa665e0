//! A file read as csv.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::super::model::ReadError;
use super::{Meter, explain};

/// How values of csv are quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Quoting {
    /// Whether quotes around a value are no part of it.
    pub quotes: bool,
    /// What stands before a quote inside of a value; where there is nothing, quotes inside are doubled.
    pub escape: Option<u8>,
}

impl Default for Quoting {
    fn default() -> Self {
        Self {
            quotes: true,
            escape: None,
        }
    }
}

/// A file read as csv.
pub(in super::super) struct Table {
    reader: csv::Reader<Box<dyn Read + Send>>,
    meter: Arc<Meter>,
    raw: csv::ByteRecord,
    record: csv::StringRecord,
    header: Vec<String>,
    /// The row before, if it runs over lines as one does whose quote is not closed: its line, and
    /// whether it is surely bad.
    suspect: Option<(u64, bool)>,
}

impl Table {
    pub(super) fn new(
        reader: Box<dyn Read + Send>,
        meter: Arc<Meter>,
        delimiter: u8,
        quoting: Quoting,
        columns: Option<Vec<String>>,
    ) -> Result<Self, ReadError> {
        let mut table = Self {
            reader: csv::ReaderBuilder::new()
                .delimiter(delimiter)
                .flexible(true)
                .has_headers(false)
                .quoting(quoting.quotes)
                .escape(quoting.escape)
                .double_quote(quoting.escape.is_none())
                .from_reader(reader),
            meter,
            record: csv::StringRecord::new(),
            raw: csv::ByteRecord::new(),
            header: Vec::new(),
            suspect: None,
        };
        if let Some(columns) = columns {
            table.header = columns;
            return Ok(table);
        }
        match table.next() {
            Ok(Some(_)) => {
                let names = table.record.iter();
                table.header = names.map(|name| name.trim().to_owned()).collect();
                Ok(table)
            }
            Ok(None) => Err(ReadError::File {
                line: 1,
                reason: "the file is empty".to_owned(),
            }),
            Err(ReadError::Row { line, reason } | ReadError::File { line, reason }) => {
                Err(ReadError::File { line, reason })
            }
        }
    }

    /// The names of the columns.
    pub(in super::super) fn header(&self) -> &[String] {
        &self.header
    }

    /// The place of a column.
    pub(in super::super) fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|column| column == name)
    }

    /// The next row with the line it begins on, or `None` behind the last.
    pub(in super::super) fn next(
        &mut self,
    ) -> Result<Option<(u64, &csv::StringRecord)>, ReadError> {
        self.meter.row.store(0, Ordering::Relaxed);
        let before = self.reader.position().line();
        let suspect = self.suspect.take();
        match self.reader.read_byte_record(&mut self.raw) {
            Ok(false) => {
                let odd = self.meter.quotes.load(Ordering::Relaxed) % 2 == 1;
                return match suspect {
                    // What swallowed the rest of the file is no single bad row.
                    Some((line, bad)) if bad || odd => Err(ReadError::File {
                        line,
                        reason: "a quote is not closed up to the end of the file".to_owned(),
                    }),
                    _ => Ok(None),
                };
            }
            Ok(true) => {}
            Err(error) => {
                let reason = match error.into_kind() {
                    csv::ErrorKind::Io(error) => explain(&error),
                    other => format!("{other:?}"),
                };
                return Err(ReadError::File {
                    line: before,
                    reason,
                });
            }
        }
        let line = self.raw.position().map_or(before, csv::Position::line);
        let (found, wanted) = (self.raw.len(), self.header.len());
        let bad = wanted > 0 && found != wanted;
        if self.reader.position().line() > line + 1 {
            self.suspect = Some((line, bad));
        }
        if bad {
            let reason = format!("{found} columns instead of {wanted}");
            return Err(ReadError::row(line, reason));
        }
        if self.raw.as_slice().contains(&0) {
            return Err(ReadError::row(line, "it holds the character U+0000"));
        }
        let raw = std::mem::take(&mut self.raw);
        match csv::StringRecord::from_byte_record(raw) {
            Ok(record) => self.record = record,
            Err(error) => {
                self.raw = error.into_byte_record();
                return Err(ReadError::row(line, "not UTF-8"));
            }
        }
        Ok(Some((line, &self.record)))
    }
}
