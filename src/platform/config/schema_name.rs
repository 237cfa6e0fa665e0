//! Names that a database schema may have.

use std::str::FromStr;

use serde::Deserialize;

/// The name of a database schema that Marquee serves: 1 to 40 lower-case letters, digits and
/// underscores, a letter first, and none of Postgres' own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct SchemaName(String);

impl SchemaName {
    /// The name as text; safe inside a quoted SQL identifier.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as SQL writes it, in quotes: `user` and `order` are words of the language.
    pub fn quoted(&self) -> String {
        format!("\"{}\"", self.0)
    }
}

impl std::fmt::Display for SchemaName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SchemaName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let good = (1..=40).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(letters)
            && !text.starts_with("pg_")
            && text != "public"
            && text != "information_schema";
        good.then(|| Self(text.to_owned())).ok_or_else(|| {
            format!(
                "`{text}` cannot name a schema: use 1 to 40 lower-case letters, digits and \
                 underscores, a letter first, and not `public`, `information_schema` or `pg_…`"
            )
        })
    }
}

impl TryFrom<String> for SchemaName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}
