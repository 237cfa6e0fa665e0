//! Factors that were trained elsewhere: a table of ids with a vector of numbers each, from files.
//!
//! What a file is shows in its first bytes: Parquet, an NPZ of numpy, or csv and tsv, plain or gzipped. A folder
//! with the parts `part-*` that Spark writes is one table. Files are taken whole or not at all: a row that cannot
//! be read refuses the table, with file, row and column.

mod delimited;
mod numpy;
mod parquet;
mod service;
mod write;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use self::parquet::read_parquet;
pub use self::write::write_parquet;
use super::source::Limits;
use crate::foundation::{Error, Refusal, Result};

/// The most rows of a table.
pub const MAX_ROWS: usize = 10_000_000;
/// The most numbers of a row.
pub const MAX_WIDTH: usize = ranking::als::MOST_FACTORS;
/// The most numbers of a table: 1 GiB.
pub const MAX_VALUES: usize = 1 << 28;
/// The most characters of an id.
pub const MAX_ID: usize = 200;
/// The most parts of a folder.
const MAX_PARTS: usize = 100_000;

/// A table of factors.
#[derive(Clone, Debug, PartialEq)]
pub struct FactorTable {
    files: Vec<String>,
    rows: Vec<FactorRow>,
    width: usize,
    values: Vec<f32>,
}

/// Where a row of a table stands, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorRow {
    /// The id, as text.
    pub id: String,
    /// Its file, from 0.
    file: usize,
    /// Its line in a csv, otherwise its row, from 1.
    pub number: u64,
}

impl FactorTable {
    /// Reads a file, or a folder of Parquet parts, in the order of their names.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] for what is not there or no table of factors: rows of different widths, numbers
    /// that are not finite, an id that comes twice, no rows or too many.
    pub fn read(path: &Path, limits: Limits) -> Result<Self> {
        let mut builder = Builder::default();
        if path.is_dir() {
            for part in parts(path)? {
                let mut file = open(&part)?;
                if head(&part, &mut file)?[..4] != *b"PAR1" {
                    return Err(refused(
                        &part,
                        "this is no Parquet file; keep other files out of the folder",
                    ));
                }
                read_parquet(&part, &mut builder)?;
            }
            return builder.finish(path);
        }
        let mut file = open(path)?;
        match head(path, &mut file)? {
            [b'P', b'A', b'R', b'1', ..] => read_parquet(path, &mut builder)?,
            [b'P', b'K', 3, 4, ..] => numpy::read(path, &mut builder)?,
            [0x93, b'N', b'U', b'M', b'P', b'Y'] => {
                let why = "this is a single array of numpy; save both with \
                           `numpy.savez(file, ids=…, factors=…)`";
                return Err(refused(path, why));
            }
            _ => delimited::read(path, limits, &mut builder)?,
        }
        builder.finish(path)
    }

    /// How many rows it has, at least 1.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Never: a table without rows is refused.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many numbers each row has, at least 1.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The rows in the order of the files.
    pub fn rows(&self) -> &[FactorRow] {
        &self.rows
    }

    /// The name of the file of a row.
    pub fn file(&self, row: &FactorRow) -> &str {
        self.files.get(row.file).map_or("", String::as_str)
    }

    /// The numbers of a row.
    ///
    /// # Panics
    /// If `row` is not below [`FactorTable::len`].
    pub fn vector(&self, row: usize) -> &[f32] {
        &self.values[row * self.width..(row + 1) * self.width]
    }
}

/// What has been read of a table.
#[derive(Default)]
struct Builder {
    files: Vec<String>,
    rows: Vec<FactorRow>,
    /// The row of each id.
    ids: FxHashMap<String, u32>,
    width: usize,
    values: Vec<f32>,
}

impl Builder {
    fn begin_file(&mut self, path: &Path) {
        let name = path.file_name().unwrap_or(path.as_os_str());
        self.files.push(name.to_string_lossy().into_owned());
    }

    /// Refuses a table that will have too many rows, before they are read.
    fn expect_rows(&self, more: usize) -> Result<(), String> {
        if self.rows.len().saturating_add(more) > MAX_ROWS {
            return Err(format!("the table has more than {MAX_ROWS} rows"));
        }
        Ok(())
    }

    /// Adds a row; `column` names one of its numbers.
    fn push(
        &mut self,
        number: u64,
        id: &str,
        vector: &[f32],
        column: impl Fn(usize) -> String,
    ) -> Result<(), String> {
        self.expect_rows(1)?;
        let id = id.trim();
        if id.is_empty() || id.chars().count() > MAX_ID {
            return Err(format!("the id must have 1 to {MAX_ID} characters"));
        }
        if vector.is_empty() || vector.len() > MAX_WIDTH {
            return Err(format!(
                "the row has {} factors, and must have 1 to {MAX_WIDTH}",
                vector.len()
            ));
        }
        if self.rows.is_empty() {
            self.width = vector.len();
        }
        if vector.len() != self.width {
            return Err(format!(
                "the row has {} factors and the rows before it {}; all factors must come from one training",
                vector.len(),
                self.width
            ));
        }
        if let Some(at) = vector.iter().position(|value| !value.is_finite()) {
            return Err(format!(
                "column {}: the value is missing, no number or too large; leave the row out or train again",
                column(at)
            ));
        }
        if self.values.len() + vector.len() > MAX_VALUES {
            return Err(format!("the table has more than {MAX_VALUES} numbers"));
        }
        // Fewer than `MAX_ROWS`.
        if let Some(before) = self.ids.insert(id.to_owned(), self.rows.len() as u32) {
            let before = &self.rows[before as usize];
            return Err(format!(
                "the id `{id}` came before, in row {} of {}; each id must come once",
                before.number, self.files[before.file]
            ));
        }
        self.rows.push(FactorRow {
            id: id.to_owned(),
            file: self.files.len().saturating_sub(1),
            number,
        });
        self.values.extend(vector);
        Ok(())
    }

    fn finish(self, path: &Path) -> Result<FactorTable> {
        if self.rows.is_empty() {
            return Err(refused(path, "there are no rows in it"));
        }
        Ok(FactorTable {
            files: self.files,
            rows: self.rows,
            width: self.width,
            values: self.values,
        })
    }
}

fn refused(path: &Path, why: impl AsRef<str>) -> Error {
    Refusal::invalid("file", format!("{}: {}", path.display(), why.as_ref())).into()
}

fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|error| {
        let why = match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            std::io::ErrorKind::PermissionDenied => "this file may not be read".to_owned(),
            _ => error.to_string(),
        };
        refused(path, why)
    })
}

/// The first bytes of a file, with zeros behind the end of a shorter one.
fn head(path: &Path, file: &mut File) -> Result<[u8; 6]> {
    let mut head = Vec::with_capacity(6);
    let read = file.take(6).read_to_end(&mut head);
    read.map_err(|error| refused(path, error.to_string()))?;
    head.resize(6, 0);
    Ok(head.try_into().unwrap_or_default())
}

/// The parts of a folder, by their names.
fn parts(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error: std::io::Error| refused(folder, error.to_string());
    let mut parts = Vec::new();
    for entry in folder.read_dir().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name().to_string_lossy().starts_with("part-") {
            parts.push(entry.path());
        }
        if parts.len() > MAX_PARTS {
            return Err(refused(
                folder,
                format!("there are more than {MAX_PARTS} parts in it"),
            ));
        }
    }
    if parts.is_empty() {
        let why = "there are no files `part-…` in this folder; of a model that Spark has saved, give the \
                   folder `itemFactors` in it";
        return Err(refused(folder, why));
    }
    parts.sort();
    Ok(parts)
}
