//! The rows of a file, read by a mapping file.

use rustc_hash::FxHashSet;
use xxhash_rust::xxh3::xxh3_64;

use super::mapping::Mapping;
use super::message::brief;
use super::model::ReadError;
use super::rows::{Cells, RowReader};
use super::source::Source;

/// The rows of a file with the mapping that says what becomes of their fields.
pub(super) struct MappedRows {
    rows: RowReader,
    mapping: Mapping,
}

impl MappedRows {
    pub(super) fn new(source: Source, mapping: Mapping) -> Result<Self, ReadError> {
        let layout = mapping.layout();
        Ok(Self {
            rows: RowReader::new(source, &layout, mapping.read_columns())?,
            mapping,
        })
    }

    /// What `read` makes of the next row, by its fields and the number of its line, or why the row is refused.
    /// `None` at the end.
    pub(super) fn next<T>(
        &mut self,
        read: impl FnOnce(&Mapping, &Cells<'_>, u64) -> Result<T, String>,
    ) -> Option<Result<T, ReadError>> {
        let (line, cells) = match self.rows.next() {
            Ok(row) => row?,
            Err(fault) => return Some(Err(fault)),
        };
        let read = read(&self.mapping, &cells, line);
        Some(read.map_err(|reason| ReadError::row(line, reason)))
    }
}

/// The ids that came up in a file: a hash of eight bytes each, so that a million of them take 16 MB.
#[derive(Default)]
pub(super) struct SeenIds(FxHashSet<u64>);

impl SeenIds {
    /// Notes an id.
    ///
    /// # Errors
    /// For one that came up before.
    pub(super) fn insert(&mut self, id: &str) -> Result<(), String> {
        match self.0.insert(xxh3_64(id.as_bytes())) {
            true => Ok(()),
            false => Err(format!(
                "the id `{}` came up before in this file",
                brief(id)
            )),
        }
    }
}
