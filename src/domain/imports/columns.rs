//! The columns of a content item that imports write, each declared once: the staging table, the rows of COPY and the
//! fields of mapping files follow from this table.

use std::fmt::Write;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::mapping::number;
use super::message::brief;
use crate::domain::content::Fields;
use crate::platform::db::copy::Rows;

/// A column of a content item.
struct Column {
    /// Its name in the database and in mapping files.
    name: &'static str,
    /// Its type in the database.
    sql_type: &'static str,
    /// Appends the value of an item to a row of COPY.
    copy: fn(&Fields, &mut Rows),
    mapped: Mapped,
}

/// How a mapping file sets a column.
enum Mapped {
    /// No mapping file names it.
    Never,
    /// By a rule that is followed before those of other columns, which may need the value.
    Before,
    /// To one text, or to nothing.
    Single(fn(&mut Fields, Option<String>) -> Result<(), String>),
    /// To any number of texts.
    List(fn(&mut Fields, Vec<String>)),
}

/// A column that follows from the type of its field: `text` is an optional text, `list` a list of texts, and `value`
/// anything optional that is read from a text, with its type in the database.
macro_rules! column {
    (text $name:ident) => {
        Column {
            name: stringify!($name),
            sql_type: "text",
            copy: |fields, row| {
                row.maybe_text(fields.$name.as_deref());
            },
            mapped: Mapped::Single(|fields, text| {
                fields.$name = text;
                Ok(())
            }),
        }
    };
    (list $name:ident) => {
        Column {
            name: stringify!($name),
            sql_type: "text[]",
            copy: |fields, row| {
                row.texts(&fields.$name);
            },
            mapped: Mapped::List(|fields, texts| fields.$name = texts),
        }
    };
    (value $name:ident $sql_type:literal) => {
        Column {
            name: stringify!($name),
            sql_type: $sql_type,
            copy: |fields, row| {
                row.maybe(fields.$name);
            },
            mapped: Mapped::Single(|fields, text| {
                fields.$name = parsed(text)?;
                Ok(())
            }),
        }
    };
}

static COLUMNS: &[Column] = &[
    Column {
        name: "kind",
        sql_type: "text",
        copy: |fields, row| {
            row.plain(fields.kind.as_str());
        },
        mapped: Mapped::Never,
    },
    Column {
        name: "title",
        sql_type: "text",
        copy: |fields, row| {
            row.text(&fields.title);
        },
        mapped: Mapped::Before,
    },
    column!(text original_title),
    Column {
        name: "description",
        sql_type: "text",
        copy: |fields, row| {
            row.text(&fields.description);
        },
        mapped: Mapped::Single(|fields, text| {
            fields.description = text.unwrap_or_default();
            Ok(())
        }),
    },
    column!(list genres),
    column!(list tags),
    column!(value year "integer"),
    column!(value duration_minutes "integer"),
    column!(text language),
    column!(text poster_url),
    column!(value rating_average "real"),
    column!(value rating_count "integer"),
    Column {
        name: "popularity",
        sql_type: "double precision",
        copy: |fields, row| {
            row.plain(fields.popularity);
        },
        mapped: Mapped::Single(|fields, text| {
            fields.popularity = parsed(text)?.unwrap_or_default();
            Ok(())
        }),
    },
    column!(text brand),
    column!(text merchant),
    column!(list category_path),
    column!(value price "numeric"),
    column!(value list_price "numeric"),
    column!(text currency),
    column!(value stock "integer"),
    column!(text color),
    column!(value rights_from "date"),
    column!(value rights_until "date"),
    column!(value broadcasts_left "integer"),
    Column {
        name: "visibility",
        sql_type: "text",
        copy: |fields, row| {
            row.plain(fields.visibility.as_str());
        },
        mapped: Mapped::Never,
    },
    column!(value quality_score "real"),
    Column {
        name: "metadata",
        sql_type: "jsonb",
        copy: |fields, row| {
            row.text(&fields.metadata.to_string());
        },
        mapped: Mapped::Never,
    },
];

/// The names of all columns, in the order of [`copy`].
pub(super) fn names() -> String {
    let names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
    names.join(", ")
}

/// The statement that makes the staging table: the id of an item if it is new, its name at the source, another name
/// of it, and the columns.
pub(super) fn staging_table() -> String {
    let mut columns = "new_id uuid, key text, also text".to_owned();
    for Column { name, sql_type, .. } in COLUMNS {
        // Writing to a string does not fail.
        let _ = write!(columns, ", {name} {sql_type}");
    }
    format!("CREATE TEMPORARY TABLE staged_items ({columns}) ON COMMIT DELETE ROWS")
}

/// Appends the values of all columns to a row of COPY.
pub(super) fn copy(fields: &Fields, row: &mut Rows) {
    for column in COLUMNS {
        (column.copy)(fields, row);
    }
}

/// A field of content items that a mapping file may set, known by the name of its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Field(usize);

impl Field {
    /// The field of this name, if mapping files may set it.
    fn named(name: &str) -> Option<Self> {
        Self::all().find(|field| field.name() == name)
    }

    fn all() -> impl Iterator<Item = Self> {
        let columns = COLUMNS.iter().enumerate();
        columns
            .filter(|(_, column)| !matches!(column.mapped, Mapped::Never))
            .map(|(index, _)| Self(index))
    }

    /// The name in mapping files and in the database.
    pub fn name(self) -> &'static str {
        COLUMNS[self.0].name
    }

    /// Empties the field of this name; answers whether there is such a field and an item can be without it.
    pub(super) fn clear(name: &str, fields: &mut Fields) -> bool {
        let field = Self::named(name).filter(|field| !field.is_title());
        field.is_some_and(|field| field.set(fields, Vec::new()).is_ok())
    }

    /// Whether it is the title, which is set before the others.
    pub(super) fn is_title(self) -> bool {
        matches!(COLUMNS[self.0].mapped, Mapped::Before)
    }

    /// Sets the field to the value that a rule makes. A field that holds one text takes the first.
    ///
    /// # Errors
    /// The text cannot be read as a value of the field.
    pub(super) fn set(self, fields: &mut Fields, texts: Vec<String>) -> Result<(), String> {
        match COLUMNS[self.0].mapped {
            Mapped::Never | Mapped::Before => Ok(()),
            Mapped::Single(set) => set(fields, texts.into_iter().next()),
            Mapped::List(set) => {
                set(fields, texts);
                Ok(())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| {
            let names: Vec<&str> = Self::all().map(Self::name).collect();
            let names = names.join(", ");
            D::Error::custom(format!("unknown field `{name}`, expected one of {names}"))
        })
    }
}

fn parsed<T: FromStr>(text: Option<String>) -> Result<Option<T>, String> {
    text.map(|text| {
        let plain = text.parse().ok();
        // "2008.0" and "1e2" are whole numbers too.
        let other = || number(&text)?.normalize().to_string().parse().ok();
        plain
            .or_else(other)
            .ok_or_else(|| format!("`{}` cannot be read", brief(&text)))
    })
    .transpose()
}
