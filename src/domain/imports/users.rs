//! Users by the callers' own ids, read by a mapping file.

use rustc_hash::FxHashSet;
use xxhash_rust::xxh3::xxh3_64;

use super::interactions::{external_id, value};
use super::mapping::Mapping;
use super::model::{ImportedUser, ReadError};
use super::movielens::brief;
use super::rows::RowReader;
use super::source::Source;

/// The most characters of a display name.
const MAX_NAME: usize = 100;

/// The users of a file.
pub(super) struct MappedUserReader {
    rows: RowReader,
    mapping: Mapping,
    /// Hashes of the ids that came up, eight bytes each.
    seen: FxHashSet<u64>,
}

impl MappedUserReader {
    pub(super) fn new(source: Source, mapping: Mapping) -> Result<Self, ReadError> {
        let layout = mapping.layout();
        Ok(Self {
            rows: RowReader::new(source, &layout, mapping.read_columns())?,
            mapping,
            seen: FxHashSet::default(),
        })
    }
}

impl Iterator for MappedUserReader {
    type Item = Result<ImportedUser, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (line, cells) = match self.rows.next() {
            Ok(row) => row?,
            Err(fault) => return Some(Err(fault)),
        };
        let mapping = &self.mapping;
        let user = external_id(mapping.id.as_ref(), "id", &cells).and_then(|key| {
            let name = match &mapping.name {
                None => None,
                Some(rule) => value(rule, "name", &cells)?.and_then(|name| shown(&name)),
            };
            if self.seen.insert(xxh3_64(key.as_bytes())) {
                Ok(ImportedUser { key, name })
            } else {
                let key = brief(&key);
                Err(format!("the id `{key}` came up before in this file"))
            }
        });
        Some(user.map_err(|reason| ReadError::row(line, reason)))
    }
}

/// A text as a display name: on one line, of at most [`MAX_NAME`] characters; `None` where nothing is left.
pub(super) fn shown(text: &str) -> Option<String> {
    let line = text.replace(char::is_control, " ");
    let short: String = line.trim().chars().take(MAX_NAME).collect();
    let short = short.trim();
    (!short.is_empty()).then(|| short.to_owned())
}
