//! Users by the callers' own ids, read by a mapping file.

use super::interactions::{external_id, value};
use super::mapped_rows::{MappedRows, SeenIds};
use super::mapping::Mapping;
use super::model::{ImportedUser, ReadError};
use super::source::Source;

/// The most characters of a display name.
const MAX_NAME: usize = 100;

/// The users of a file.
pub(super) struct MappedUserReader {
    rows: MappedRows,
    seen: SeenIds,
}

impl MappedUserReader {
    pub(super) fn new(source: Source, mapping: Mapping) -> Result<Self, ReadError> {
        Ok(Self {
            rows: MappedRows::new(source, mapping)?,
            seen: SeenIds::default(),
        })
    }
}

impl Iterator for MappedUserReader {
    type Item = Result<ImportedUser, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rows.next(|mapping, cells, _| {
            let key = external_id(mapping.id.as_ref(), "id", cells)?;
            let name = match &mapping.name {
                None => None,
                Some(rule) => value(rule, "name", cells)?.and_then(|name| shown(&name)),
            };
            self.seen.insert(&key)?;
            Ok(ImportedUser { key, name })
        })
    }
}

/// A text as a display name: on one line, of at most [`MAX_NAME`] characters; `None` where nothing is left.
pub(super) fn shown(text: &str) -> Option<String> {
    let line = text.replace(char::is_control, " ");
    let short: String = line.trim().chars().take(MAX_NAME).collect();
    let short = short.trim();
    (!short.is_empty()).then(|| short.to_owned())
}
