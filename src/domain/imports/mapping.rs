//! The mapping file of a product catalogue: which column is which field, and how it is read.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

pub use super::columns::Field;
use crate::domain::content::ContentKind;
use crate::foundation::{Refusal, Result};

/// A mapping file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// What the catalogue is called among the external ids: lower-case letters, digits, `-`, `_`.
    pub source: String,
    /// What sort of content the rows are.
    #[serde(default = "product", deserialize_with = "kind")]
    pub kind: ContentKind,
    /// How the file is written.
    #[serde(default)]
    pub format: Format,
    /// What stands between the columns of a csv file: one ASCII character.
    #[serde(default = "comma")]
    pub delimiter: char,
    /// What names a row for good; rows without it are refused.
    pub id: Rule,
    /// The fields of a content item.
    pub fields: BTreeMap<Field, Rule>,
    /// What is kept beside them as open metadata.
    #[serde(default)]
    pub metadata: BTreeMap<String, Rule>,
}

fn product() -> ContentKind {
    ContentKind::Product
}

fn comma() -> char {
    ','
}

fn kind<'de, D: serde::Deserializer<'de>>(from: D) -> Result<ContentKind, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map_err(serde::de::Error::custom)
}

/// How a file of products is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Comma-separated values with a header row.
    #[default]
    Csv,
    /// One JSON object a line.
    Jsonl,
}

/// How the value of a field is made. The steps are taken in the order of this list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The same for every row.
    pub constant: Option<String>,
    /// The column it is read from; in jsonl the key, or a path of keys with dots.
    pub column: Option<String>,
    /// Several columns: the first that is not empty.
    #[serde(default)]
    pub columns: Vec<String>,
    /// Values that mean that there is none.
    #[serde(default)]
    pub drop: Vec<String>,
    /// What the value is wrapped in, as `["[\"", "\"]"]`: taken off where both are there.
    pub unwrap: Option<[String; 2]>,
    /// Texts that are taken out wherever they stand, as `["$", ","]`.
    #[serde(default)]
    pub strip: Vec<String>,
    /// What values become, as `{ InStock = "1", OutOfStock = "0" }`.
    #[serde(default)]
    pub map: BTreeMap<String, String>,
    /// What a value becomes that is not in `map`; without it, the row is refused.
    pub otherwise: Option<String>,
    /// A number is multiplied by this, as stars from 1 to 5 by 2.
    pub times: Option<f64>,
    /// A list: what stands between its entries.
    pub split: Option<String>,
    /// Of a list: leave out the last entry where it is the row's own title, whole or cut short.
    #[serde(default)]
    pub without_title: bool,
    /// Of a list: only this one.
    pub take: Option<Take>,
    /// What it is where nothing is left.
    pub default: Option<String>,
}

/// Which entry of a list is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Take {
    /// The first.
    First,
    /// The last.
    Last,
}

impl Rule {
    /// The columns it reads.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.column.iter().chain(&self.columns).map(String::as_str)
    }

    /// Makes the value of one row: no entry, one, or several of a list. `cell` answers the entries
    /// of a column; `title` is the row's title, where it is known already.
    ///
    /// # Errors
    /// Why the row is refused.
    pub fn value(
        &self,
        cell: impl Fn(&str) -> Vec<String>,
        title: Option<&str>,
    ) -> Result<Vec<String>, String> {
        let mut entries = Vec::new();
        let raw = match &self.constant {
            Some(constant) => vec![constant.clone()],
            None => self
                .columns()
                .map(cell)
                .map(|entries| self.without_placeholders(entries))
                .find(|entries| !entries.is_empty())
                .unwrap_or_default(),
        };
        for text in raw {
            let text = self.change(&text)?;
            match self.split.as_deref() {
                Some(between) if !between.is_empty() => {
                    entries.extend(text.split(between).map(|entry| entry.trim().to_owned()));
                }
                _ => entries.push(text),
            }
        }
        entries.retain(|entry| !entry.is_empty());
        if self.without_title
            && let (Some(title), Some(last)) = (title, entries.last())
            && is_title(last, title)
        {
            entries.pop();
        }
        match self.take {
            Some(Take::First) => entries.truncate(1),
            Some(Take::Last) => entries = entries.pop().into_iter().collect(),
            None => {}
        }
        if entries.is_empty() {
            entries.extend(self.default.clone());
        }
        // Which TOML can spell and the database cannot store.
        for entry in &mut entries {
            entry.retain(|letter| letter != '\0');
        }
        Ok(entries)
    }

    fn without_placeholders(&self, entries: Vec<String>) -> Vec<String> {
        entries
            .into_iter()
            .map(|entry| entry.trim().to_owned())
            .filter(|entry| !entry.is_empty() && !self.drop.contains(entry))
            .collect()
    }

    fn change(&self, text: &str) -> Result<String, String> {
        let mut text = text.to_owned();
        if let Some([before, after]) = &self.unwrap
            && let Some(inside) = text
                .strip_prefix(before.as_str())
                .and_then(|text| text.strip_suffix(after.as_str()))
        {
            text = inside.to_owned();
        }
        for out in self.strip.iter().filter(|out| !out.is_empty()) {
            text = text.replace(out.as_str(), "");
        }
        text = text.trim().to_owned();
        if !self.map.is_empty() && !text.is_empty() {
            text = self
                .map
                .get(&text)
                .or(self.otherwise.as_ref())
                .cloned()
                .ok_or_else(|| {
                    format!("`{}` is not in the mapping", super::movielens::brief(&text))
                })?;
        }
        if let Some(times) = self.times
            && !text.is_empty()
        {
            let number: f64 = text
                .parse()
                .map_err(|_| format!("`{}` is not a number", super::movielens::brief(&text)))?;
            text = (number * times).to_string();
        }
        Ok(text)
    }
}

/// Whether the last level of a category tree is the product itself, perhaps cut short with dots.
fn is_title(level: &str, title: &str) -> bool {
    let level = level.trim_end_matches('.').trim_end_matches('…').trim();
    !level.is_empty() && (level.starts_with(title) || title.starts_with(level))
}

impl Mapping {
    /// Reads a mapping file.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] with the place in the file and what is wrong there.
    pub fn read(path: &Path) -> Result<Self> {
        let refuse = |why: String| {
            Refusal::invalid("mapping", format!("{}: {}", path.display(), why.trim_end()))
        };
        let about = std::fs::metadata(path).map_err(|error| refuse(error.to_string()))?;
        if about.len() > 1 << 20 {
            return Err(refuse("a mapping file has at most 1 MiB".to_owned()).into());
        }
        let text = std::fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
        Ok(Self::parse(&text).map_err(refuse)?)
    }

    /// Reads the text of a mapping file.
    ///
    /// # Errors
    /// The place and what is wrong there.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mapping: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        mapping.check()?;
        Ok(mapping)
    }

    /// The rule of the title, which the rules of other fields may need.
    pub(super) fn title(&self) -> Option<&Rule> {
        let mut fields = self.fields.iter();
        fields.find_map(|(field, rule)| field.is_title().then_some(rule))
    }

    fn check(&self) -> Result<(), String> {
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
        if !(1..=40).contains(&self.source.len()) || !self.source.chars().all(good) {
            return Err("`source` has 1 to 40 lower-case letters, digits, `-` and `_`".to_owned());
        }
        if ["movielens", "tmdb", "imdb"].contains(&self.source.as_str()) {
            return Err(format!(
                "`source` cannot be `{}`, which an import of its own uses",
                self.source
            ));
        }
        if !self.delimiter.is_ascii() || self.delimiter == '"' || self.delimiter == '\n' {
            return Err("`delimiter` must be one ASCII character, and no quote".to_owned());
        }
        if self.title().is_none() {
            return Err("`[fields]` needs `title`".to_owned());
        }
        let fields = self
            .fields
            .iter()
            .map(|(field, rule)| (field.name().to_owned(), rule));
        let metadata = self
            .metadata
            .iter()
            .map(|(name, rule)| (name.clone(), rule));
        let id = std::iter::once(("id".to_owned(), &self.id));
        for (name, rule) in id.chain(fields).chain(metadata) {
            if name.contains('\0') {
                return Err("a name may not contain the character U+0000".to_owned());
            }
            let sources = usize::from(rule.constant.is_some())
                + usize::from(rule.column.is_some())
                + usize::from(!rule.columns.is_empty());
            if sources != 1 {
                return Err(format!(
                    "`{name}` needs one of `column`, `columns` and `constant`"
                ));
            }
            if rule.otherwise.is_some() && rule.map.is_empty() {
                return Err(format!("`{name}` has `otherwise`, which goes with `map`"));
            }
            if rule.times.is_some_and(|times| !times.is_finite()) {
                return Err(format!("`{name}`: `times` must be a finite number"));
            }
        }
        if self.id.constant.is_some() {
            return Err("`id` cannot be the same for every row".to_owned());
        }
        Ok(())
    }

    /// Every column that is read, once for each time.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.id)
            .chain(self.fields.values())
            .chain(self.metadata.values())
            .flat_map(Rule::columns)
    }
}
