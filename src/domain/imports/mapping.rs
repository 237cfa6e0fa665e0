//! Mapping files: which column of a file is which value, and how it is read. One language for items, users and
//! interactions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;

pub use super::columns::Field;
pub use super::source::Encoding;
use crate::domain::content::{ContentKind, Visibility};
use crate::domain::interactions::InteractionKind;
use crate::foundation::external_id::is_source;
use crate::foundation::{Refusal, Result};
use crate::platform::config::CreateUnknown;

mod presets;
mod rule;

pub use presets::preset;
pub(super) use rule::number;
pub use rule::{Rule, Take};

/// What the rows of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Content items.
    Items,
    /// Users.
    Users,
    /// Interactions of users with items.
    Interactions,
}

impl Subject {
    /// The name in commands and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Items => "items",
            Self::Users => "users",
            Self::Interactions => "interactions",
        }
    }
}

/// Where a mapping comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MappingOrigin {
    /// A file in TOML.
    File(PathBuf),
    /// A built-in one, by its name.
    Preset(String),
}

/// A mapping file. Which of its parts may and must be there depends on the [`Subject`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// What the catalogue is called among the external ids: lower-case letters, digits, `-`, `_`. Left out, it is the
    /// setting `external_ids.source`.
    pub source: Option<String>,
    /// How the file is written.
    #[serde(default)]
    pub format: Format,
    /// What stands between the columns of a csv file: one ASCII character, or several; with several there are no
    /// quotes.
    #[serde(default = "comma")]
    pub delimiter: String,
    /// How its text is encoded; found where it is left out.
    pub encoding: Option<Encoding>,
    /// The names of the columns of a csv file without a header row.
    #[serde(default)]
    pub columns: Vec<String>,
    /// Whether quotes around a value of csv are no part of it.
    #[serde(default = "yes")]
    pub quotes: bool,
    /// What stands before a quote inside of a quoted value; where it is left out, quotes inside are doubled.
    pub escape: Option<char>,
    /// The kind of the items or interactions: a name, or a rule that makes one of each row.
    #[serde(default, deserialize_with = "name_or_rule")]
    pub kind: Option<Rule>,
    /// What names an item or a user for good; rows without it are refused. Of interactions: the id of the event,
    /// where it has one.
    pub id: Option<Rule>,
    /// The fields of a content item.
    #[serde(default)]
    pub fields: BTreeMap<Field, Rule>,
    /// Who may see the items: a name, or a rule that makes one of each row; PUBLIC where it is left out.
    #[serde(default, deserialize_with = "name_or_rule")]
    pub visibility: Option<Rule>,
    /// What is kept of an item beside them as open metadata.
    #[serde(default)]
    pub metadata: BTreeMap<String, Rule>,
    /// Whether an item is refused where a field cannot take its value, instead of being left without it.
    #[serde(default)]
    pub strict: bool,
    /// Of users: how they are called.
    pub name: Option<Rule>,
    /// Of interactions: the external id of the user.
    pub user: Option<Rule>,
    /// Of interactions: the external id of the item.
    pub item: Option<Rule>,
    /// Of interactions: the source of the users' ids, where it is another than `source`.
    #[serde(default, deserialize_with = "name_or_rule")]
    pub user_source: Option<Rule>,
    /// Of interactions: the source of the items' ids, where it is another than `source`.
    #[serde(default, deserialize_with = "name_or_rule")]
    pub item_source: Option<Rule>,
    /// Of interactions of the kind RATING: the number that was given.
    pub rating: Option<Rule>,
    /// The least and the highest rating, which become 0.5 and 5 stars; what lies between is proportional. Stars from
    /// 0.5 or 1 to 5 need none.
    pub scale: Option<[f64; 2]>,
    /// What a row of the kind RATING without a number becomes; where it is left out, it is refused.
    #[serde(default)]
    pub unrated: Option<InteractionKind>,
    /// Of interactions: when it happened.
    pub time: Option<Rule>,
    /// How times are written, in the letters of `strftime`; left out, they are ISO 8601 or numbers since 1970.
    pub time_format: Option<String>,
    /// The unit of times that are numbers; found by their size where it is left out.
    pub time_unit: Option<TimeUnit>,
    /// Whether users and items that are not known are created; left out, the setting `external_ids.create` says so.
    pub create: Option<CreateUnknown>,
}

/// How a file is written, as a mapping says it.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub format: Format,
    pub delimiter: String,
    pub columns: Vec<String>,
    pub quotes: bool,
    pub escape: Option<char>,
}

/// The unit of a time that is a number since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeUnit {
    /// Seconds.
    Seconds,
    /// Thousandths of a second.
    Milliseconds,
    /// Millionths of a second.
    Microseconds,
}

fn comma() -> String {
    ",".to_owned()
}

fn yes() -> bool {
    true
}

/// A text, which is the same for every row, or a rule.
fn name_or_rule<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Rule>, D::Error> {
    struct NameOrRule;

    impl<'de> serde::de::Visitor<'de> for NameOrRule {
        type Value = Rule;

        fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            out.write_str("a name or a rule such as { column = \"…\" }")
        }

        fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Rule, E> {
            Ok(Rule {
                constant: Some(name.to_owned()),
                ..Rule::default()
            })
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Rule, A::Error> {
            Rule::deserialize(MapAccessDeserializer::new(map))
        }
    }

    from.deserialize_any(NameOrRule).map(Some)
}

/// How a file of rows is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Values with a delimiter between them, with a header row unless the mapping names the columns.
    #[default]
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// An array of JSON objects.
    Json,
}

impl Mapping {
    /// Reads a mapping file.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] with the place in the file and what is wrong there.
    pub fn read(path: &Path, subject: Subject) -> Result<Self> {
        let refuse = |why: String| {
            Refusal::invalid("mapping", format!("{}: {}", path.display(), why.trim_end()))
        };
        let about = std::fs::metadata(path).map_err(|error| refuse(error.to_string()))?;
        if about.len() > 1 << 20 {
            return Err(refuse("a mapping file has at most 1 MiB".to_owned()).into());
        }
        let text = std::fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
        Ok(Self::parse(&text, subject).map_err(refuse)?)
    }

    /// Reads the text of a mapping file.
    ///
    /// # Errors
    /// The place and what is wrong there.
    pub fn parse(text: &str, subject: Subject) -> Result<Self, String> {
        let mapping: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        mapping.check_layout()?;
        mapping.check(subject)?;
        Ok(mapping)
    }

    /// How the file is written.
    pub(super) fn layout(&self) -> Layout {
        Layout {
            format: self.format,
            delimiter: self.delimiter.clone(),
            columns: self.columns.clone(),
            quotes: self.quotes,
            escape: self.escape,
        }
    }

    /// The rule of the title, which the rules of other fields may need.
    pub(super) fn title(&self) -> Option<&Rule> {
        let mut fields = self.fields.iter();
        fields.find_map(|(field, rule)| field.is_title().then_some(rule))
    }

    fn check_layout(&self) -> Result<(), String> {
        let delimiter = self.delimiter.as_str();
        let good = |letter: char| letter.is_ascii() && !matches!(letter, '"' | '\n' | '\r' | '\0');
        if delimiter.is_empty() || delimiter.len() > 10 || !delimiter.chars().all(good) {
            return Err(
                "`delimiter` must be one ASCII character, or up to 10, and no quote".to_owned(),
            );
        }
        if self.escape.is_some_and(|escape| !good(escape)) {
            return Err("`escape` must be one ASCII character, and no quote".to_owned());
        }
        if self.columns.len() > 1000 {
            return Err("`columns` has at most 1,000 names".to_owned());
        }
        Ok(())
    }

    fn check(&self, subject: Subject) -> Result<(), String> {
        if let Some(source) = &self.source {
            if !is_source(source) {
                return Err(
                    "`source` has 1 to 40 lower-case letters, digits, `-` and `_`".to_owned(),
                );
            }
            if subject == Subject::Items && ["movielens", "tmdb", "imdb"].contains(&source.as_str())
            {
                return Err(format!(
                    "`source` cannot be `{source}`, which an import of its own uses"
                ));
            }
        }
        for (name, rule) in self.rules() {
            if name.contains('\0') {
                return Err("a name may not contain the character U+0000".to_owned());
            }
            rule.check(&name)?;
        }
        let of_interactions = [
            ("user", self.user.is_some()),
            ("item", self.item.is_some()),
            ("user_source", self.user_source.is_some()),
            ("item_source", self.item_source.is_some()),
            ("rating", self.rating.is_some()),
            ("scale", self.scale.is_some()),
            ("unrated", self.unrated.is_some()),
            ("time", self.time.is_some()),
            ("time_format", self.time_format.is_some()),
            ("time_unit", self.time_unit.is_some()),
            ("create", self.create.is_some()),
        ];
        let of_items = [
            ("fields", !self.fields.is_empty()),
            ("metadata", !self.metadata.is_empty()),
            ("visibility", self.visibility.is_some()),
            ("strict", self.strict),
        ];
        let of_users = [("name", self.name.is_some())];
        let strangers: &[&[(&str, bool)]] = match subject {
            Subject::Items => &[&of_interactions, &of_users],
            Subject::Users => &[
                &of_interactions,
                &of_items,
                &[("kind", self.kind.is_some())],
            ],
            Subject::Interactions => &[&of_items, &of_users],
        };
        if let Some((name, _)) = strangers.concat().into_iter().find(|(_, there)| *there) {
            return Err(format!(
                "`{name}` has no place in a mapping of {}",
                subject.as_str()
            ));
        }
        match subject {
            Subject::Items => self.check_items(),
            Subject::Users => self.check_id(),
            Subject::Interactions => self.check_interactions(),
        }
    }

    fn check_id(&self) -> Result<(), String> {
        match &self.id {
            None => Err("the mapping needs `id`, which names a row for good".to_owned()),
            Some(id) if id.constant.is_some() => {
                Err("`id` cannot be the same for every row".to_owned())
            }
            Some(_) => Ok(()),
        }
    }

    fn check_items(&self) -> Result<(), String> {
        self.check_id()?;
        if self.title().is_none() {
            return Err("`[fields]` needs `title`".to_owned());
        }
        constant::<Visibility>("visibility", self.visibility.as_ref())?;
        constant::<ContentKind>("kind", self.kind.as_ref())
    }

    fn check_interactions(&self) -> Result<(), String> {
        for (name, rule) in [("user", &self.user), ("item", &self.item)] {
            if rule.is_none() {
                return Err(format!("a mapping of interactions needs `{name}`"));
            }
        }
        if self.kind.is_none() {
            return Err(
                "a mapping of interactions needs `kind`, such as \"RATING\" or { column = \"event\" }".to_owned(),
            );
        }
        constant::<InteractionKind>("kind", self.kind.as_ref())?;
        if self.time.is_none() {
            return Err(
                "a mapping of interactions needs `time`; of a file without times write `time = { constant = \
                 \"2020-01-01\" }` with a day that fits"
                    .to_owned(),
            );
        }
        let rated = self.rating.is_some();
        let is = |kind: &str| {
            let constant = self.kind.as_ref().and_then(|rule| rule.constant.as_deref());
            constant == Some(kind)
        };
        if is("RATING") && !rated {
            return Err("the kind RATING needs `rating`, the column with the number".to_owned());
        }
        if !rated && (self.scale.is_some() || self.unrated.is_some()) {
            return Err("`scale` and `unrated` go with `rating`".to_owned());
        }
        if self.unrated == Some(InteractionKind::Rating) {
            return Err("`unrated` cannot be RATING".to_owned());
        }
        match self.scale {
            Some([low, high]) if !(low.is_finite() && high.is_finite() && low < high) => {
                Err("`scale` is the least and the highest rating, as [1, 10]".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Every rule with its name.
    fn rules(&self) -> impl Iterator<Item = (String, &Rule)> {
        let single = [
            ("kind", &self.kind),
            ("visibility", &self.visibility),
            ("id", &self.id),
            ("name", &self.name),
            ("user", &self.user),
            ("item", &self.item),
            ("user_source", &self.user_source),
            ("item_source", &self.item_source),
            ("rating", &self.rating),
            ("time", &self.time),
        ];
        let single = single
            .into_iter()
            .filter_map(|(name, rule)| Some((name.to_owned(), rule.as_ref()?)));
        let fields = self.fields.iter();
        let fields = fields.map(|(field, rule)| (field.name().to_owned(), rule));
        let metadata = self.metadata.iter();
        let metadata = metadata.map(|(name, rule)| (name.clone(), rule));
        single.chain(fields).chain(metadata)
    }

    /// Every column that is read, once for each time.
    pub(super) fn read_columns(&self) -> impl Iterator<Item = &str> {
        self.rules().flat_map(|(_, rule)| rule.columns())
    }
}

/// Checks a value that is the same for all rows.
fn constant<K: std::str::FromStr<Err = String>>(
    what: &str,
    rule: Option<&Rule>,
) -> Result<(), String> {
    match rule.and_then(|rule| rule.constant.as_deref()) {
        None => Ok(()),
        Some(name) => name
            .parse::<K>()
            .map(drop)
            .map_err(|why| format!("`{what}`: {why}")),
    }
}
