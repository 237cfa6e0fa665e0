//! Catalogues of products, read by a mapping file.

use serde_json::Value;

use super::interactions::value;
use super::mapped_rows::{MappedRows, SeenIds};
use super::mapping::{Field, Mapping, Rule};
use super::message::brief;
use super::model::{ImportedItem, ReadError};
use super::rows::Cells;
use super::source::Source;
use crate::domain::content::{ContentKind, Fields};
use crate::foundation::{Error, Refusal};

/// The products of a file.
pub(super) struct ProductReader {
    rows: MappedRows,
    seen: SeenIds,
}

impl ProductReader {
    pub(super) fn new(source: Source, mapping: Mapping) -> Result<Self, ReadError> {
        Ok(Self {
            rows: MappedRows::new(source, mapping)?,
            seen: SeenIds::default(),
        })
    }
}

impl Iterator for ProductReader {
    type Item = Result<ImportedItem, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rows.next(|mapping, cells, line| {
            let item = item(mapping, cells, line)?;
            self.seen.insert(&item.key)?;
            Ok(item)
        })
    }
}

fn item(mapping: &Mapping, cells: &Cells<'_>, line: u64) -> Result<ImportedItem, String> {
    let cell = |name: &str| cells.entries(name);
    let key = match &mapping.id {
        Some(rule) => one(rule, &cell, None).map_err(|reason| format!("id: {reason}"))?,
        None => None,
    };
    let key = key.ok_or("there is no id")?;
    if key.chars().count() > 200 {
        return Err("an id has at most 200 characters".to_owned());
    }
    let title = match mapping.title() {
        Some(rule) => one(rule, &cell, None)?.ok_or("there is no title")?,
        None => return Err("there is no title".to_owned()),
    };
    let kind = match &mapping.kind {
        None => ContentKind::Product,
        Some(rule) => {
            let name = value(rule, "kind", cells)?.ok_or("there is no kind")?;
            let known = name.parse();
            known.map_err(|why: String| format!("kind: {}", brief(&why)))?
        }
    };
    let mut fields = Fields::new(kind, title.clone());
    if let Some(rule) = &mapping.visibility {
        let name = value(rule, "visibility", cells)?.ok_or("there is no visibility")?;
        let known = name.parse();
        fields.visibility = known.map_err(|why: String| format!("visibility: {}", brief(&why)))?;
    }
    let mut warnings = Warnings {
        strict: mapping.strict,
        found: Vec::new(),
    };
    for (field, rule) in &mapping.fields {
        let made = rule.value(cell, Some(&title));
        if let Err(reason) = made.and_then(|texts| field.set(&mut fields, texts)) {
            warnings.add(field.name(), reason)?;
        }
    }
    let mut metadata = serde_json::Map::new();
    for (name, rule) in &mapping.metadata {
        let mut entries = match rule.value(cell, Some(&title)) {
            Ok(entries) => entries,
            Err(reason) => {
                warnings.add(name, reason)?;
                continue;
            }
        };
        let value = match (rule.split.is_some() && rule.take.is_none(), entries.len()) {
            (_, 0) => continue,
            (false, 1) => Value::String(entries.remove(0)),
            _ => entries.into(),
        };
        metadata.insert(name.clone(), value);
    }
    fields.metadata = Value::Object(metadata);
    leave_wrong_out(&mut fields, &mut warnings)?;
    Ok(ImportedItem {
        line,
        key,
        fields,
        names: Vec::new(),
        warnings: warnings.found,
    })
}

/// What was wrong with fields that were left empty.
struct Warnings {
    strict: bool,
    found: Vec<(String, String)>,
}

impl Warnings {
    /// Notes that a field was left empty, once.
    ///
    /// # Errors
    /// The reason, where the row is to be refused for it.
    fn add(&mut self, field: &str, reason: String) -> Result<(), String> {
        if self.strict {
            return Err(format!("{field}: {reason}"));
        }
        if !self.found.iter().any(|(known, _)| known == field) {
            self.found.push((field.to_owned(), reason));
        }
        Ok(())
    }
}

/// Takes the values that an item cannot have out of its fields.
///
/// # Errors
/// Why it is none without them.
fn leave_wrong_out(fields: &mut Fields, warnings: &mut Warnings) -> Result<(), String> {
    // One value may be wrong only because another one was taken out.
    for _ in 0..3 {
        let refusal = match fields.check() {
            Ok(()) => return Ok(()),
            Err(Error::Refused(refusal)) => refusal,
            Err(other) => return Err(other.to_string()),
        };
        for finding in refusal.each() {
            let Refusal::InvalidInput { path, message } = finding else {
                return Err(finding.to_string());
            };
            let name = snake_case(path.first().map_or("", String::as_str));
            if !take_out(fields, &name) {
                return Err(message);
            }
            warnings.add(&name, message)?;
        }
    }
    fields.check().map_err(|error| error.to_string())
}

/// Empties a field, or of a list what it cannot hold; answers whether an item can be without it.
fn take_out(fields: &mut Fields, name: &str) -> bool {
    let shorten = |texts: &mut Vec<String>, most: usize| {
        let good =
            |text: &String| (1..=200).contains(&text.chars().count()) && !text.contains('\0');
        texts.retain(good);
        texts.truncate(most);
    };
    match name {
        "metadata" => fields.metadata = Value::Object(serde_json::Map::new()),
        // A price without its currency says nothing.
        "currency" => {
            fields.currency = None;
            fields.price = None;
            fields.list_price = None;
        }
        "genres" => shorten(&mut fields.genres, 50),
        "tags" => shorten(&mut fields.tags, 200),
        "category_path" => shorten(&mut fields.category_path, 20),
        other => return Field::clear(other, fields),
    }
    true
}

/// The name of a field in the contract as the name of its column.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

fn one(
    rule: &Rule,
    cell: &impl Fn(&str) -> Vec<String>,
    title: Option<&str>,
) -> Result<Option<String>, String> {
    Ok(rule.value(cell, title)?.into_iter().next())
}
