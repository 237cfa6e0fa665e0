//! Catalogues of products, read by a mapping file.

use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use super::mapping::{Format, Mapping, Rule};
use super::model::{ImportedItem, ReadError};
use super::movielens::brief;
use super::source::{Lines, Source, Table};
use crate::domain::content::Fields;

/// The products of a file.
pub(super) struct ProductReader {
    rows: Rows,
    mapping: Mapping,
    /// Hashes of the ids that came up: eight bytes each, so that a million products take 16 MB.
    seen: FxHashSet<u64>,
}

enum Rows {
    /// With the place of each column.
    Csv(Table, FxHashMap<String, usize>),
    Jsonl(Lines),
}

impl ProductReader {
    pub(super) fn new(source: Source, mapping: Mapping) -> Result<Self, ReadError> {
        let rows = match mapping.format {
            Format::Jsonl => Rows::Jsonl(source.lines()),
            Format::Csv => {
                let delimiter = u8::try_from(mapping.delimiter).unwrap_or(b',');
                let table = source.table(delimiter)?;
                if let Some(missing) = mapping.columns().find(|name| table.column(name).is_none()) {
                    return Err(ReadError::File {
                        line: 1,
                        reason: format!(
                            "the mapping reads the column `{missing}`; the file has {}",
                            table.header().join(", ")
                        ),
                    });
                }
                let columns = table.header().iter().cloned().enumerate();
                // Of two columns of one name, the first.
                let columns = columns.rev().map(|(index, name)| (name, index)).collect();
                Rows::Csv(table, columns)
            }
        };
        Ok(Self {
            rows,
            mapping,
            seen: FxHashSet::default(),
        })
    }
}

impl Iterator for ProductReader {
    type Item = Result<ImportedItem, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (line, item) = match &mut self.rows {
            Rows::Csv(table, columns) => {
                let (line, record) = match table.next() {
                    Ok(row) => row?,
                    Err(fault) => return Some(Err(fault)),
                };
                let cell = |name: &str| {
                    let text = columns.get(name).and_then(|index| record.get(*index));
                    text.map(ToOwned::to_owned).into_iter().collect()
                };
                (line, item(&self.mapping, cell))
            }
            Rows::Jsonl(lines) => {
                let (number, line) = match lines.next() {
                    Ok(line) => line?,
                    Err(fault) => return Some(Err(fault)),
                };
                let object = serde_json::from_slice::<serde_json::Map<String, Value>>(line)
                    .map_err(|error| format!("no JSON object: {error}"));
                let item = object.and_then(|object| {
                    let object = Value::Object(object);
                    item(&self.mapping, |path| entries(&object, path))
                });
                (number, item)
            }
        };
        let item = item.and_then(|item| {
            if self.seen.insert(xxh3_64(item.key.as_bytes())) {
                Ok(item)
            } else {
                let key = brief(&item.key);
                Err(format!("the id `{key}` came up before in this file"))
            }
        });
        Some(item.map_err(|reason| ReadError::row(line, reason)))
    }
}

/// The value at a path of keys as entries of text: several for a list, none for null.
fn entries(object: &Value, path: &str) -> Vec<String> {
    // A key may hold a dot itself.
    let found = object.get(path).or_else(|| {
        path.split('.')
            .try_fold(object, |value, key| value.get(key))
    });
    match found {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(values)) => values.iter().filter_map(text).collect(),
        Some(value) => text(value).into_iter().collect(),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.replace('\0', "")),
        other => Some(other.to_string()),
    }
}

fn item(mapping: &Mapping, cell: impl Fn(&str) -> Vec<String>) -> Result<ImportedItem, String> {
    let key = one(&mapping.id, &cell, None)
        .map_err(|reason| format!("id: {reason}"))?
        .ok_or("there is no id")?;
    if key.chars().count() > 200 {
        return Err("an id has at most 200 characters".to_owned());
    }
    let title = match mapping.title() {
        Some(rule) => one(rule, &cell, None)?.ok_or("there is no title")?,
        None => return Err("there is no title".to_owned()),
    };
    let mut fields = Fields::new(mapping.kind, title.clone());
    for (field, rule) in &mapping.fields {
        rule.value(&cell, Some(&title))
            .and_then(|texts| field.set(&mut fields, texts))
            .map_err(|reason| format!("{}: {reason}", field.name()))?;
    }
    let mut metadata = serde_json::Map::new();
    for (name, rule) in &mapping.metadata {
        let mut entries = rule
            .value(&cell, Some(&title))
            .map_err(|reason| format!("{name}: {reason}"))?;
        let value = match (rule.split.is_some() && rule.take.is_none(), entries.len()) {
            (_, 0) => continue,
            (false, 1) => Value::String(entries.remove(0)),
            _ => entries.into(),
        };
        metadata.insert(name.clone(), value);
    }
    fields.metadata = Value::Object(metadata);
    fields.check().map_err(|error| error.to_string())?;
    Ok(ImportedItem {
        key,
        fields,
        names: Vec::new(),
    })
}

fn one(
    rule: &Rule,
    cell: &impl Fn(&str) -> Vec<String>,
    title: Option<&str>,
) -> Result<Option<String>, String> {
    Ok(rule.value(cell, title)?.into_iter().next())
}
