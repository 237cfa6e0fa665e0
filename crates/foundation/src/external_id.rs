//! Ids that other systems give to items and users.

use super::id::Kind;
use super::{Findings, Id, Refusal};

/// The most characters of [`ExternalId::value`].
pub const MAX_VALUE: usize = 200;
/// The most characters of [`ExternalId::source`].
pub const MAX_SOURCE: usize = 40;

/// The id of an item or a user in another system, such as the SKU of a shop.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExternalId {
    /// The other system: 1 to 40 lower-case letters, digits, `_` and `-`.
    pub source: String,
    /// The id there, 1 to 200 characters.
    pub value: String,
}

impl ExternalId {
    /// An external id from what a caller gave.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] at `externalId` or `source`.
    pub fn new(source: impl Into<String>, value: impl Into<String>) -> Result<Self, Refusal> {
        let (source, value) = (source.into(), value.into());
        let mut findings = Findings::default();
        findings.require(
            (1..=MAX_VALUE).contains(&value.chars().count())
                && !value.contains('\0')
                && value.trim() == value,
            "externalId",
            "an external id has 1 to 200 characters, none of them U+0000, and no blanks around it",
        );
        findings.require(
            is_source(&source),
            "source",
            "the source of an external id has 1 to 40 lower-case letters, digits, `_` and `-`",
        );
        findings.finish()?;
        Ok(Self { source, value })
    }
}

/// Whether this names the source of external ids.
pub fn is_source(name: &str) -> bool {
    let allowed = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    (1..=MAX_SOURCE).contains(&name.len()) && name.bytes().all(allowed)
}

/// How a caller names an item or a user: by its id in this server, or by an id of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference<K: Kind> {
    /// The id in this server.
    Id(Id<K>),
    /// The id in another system.
    External(ExternalId),
}

impl<K: Kind> Reference<K> {
    /// The external id; `None` of a reference by id.
    pub fn external(&self) -> Option<&ExternalId> {
        match self {
            Self::Id(_) => None,
            Self::External(external) => Some(external),
        }
    }
}

impl<K: Kind> From<Id<K>> for Reference<K> {
    fn from(id: Id<K>) -> Self {
        Self::Id(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_external_id_is_refused_with_its_place() {
        assert!(ExternalId::new("shop", "FJ5089").is_ok());
        assert!(ExternalId::new("a-b_9", "é".repeat(200)).is_ok());
        for (source, value, place) in [
            ("shop", String::new(), "externalId"),
            ("shop", " 42".to_owned(), "externalId"),
            ("shop", "a\0".to_owned(), "externalId"),
            ("shop", "x".repeat(201), "externalId"),
            ("", "42".to_owned(), "source"),
            ("Shop", "42".to_owned(), "source"),
            (&"s".repeat(41), "42".to_owned(), "source"),
        ] {
            let refusal = ExternalId::new(source, value).unwrap_err();
            let Refusal::InvalidInput { path, .. } = refusal else {
                panic!("{refusal:?}");
            };
            assert_eq!(path, [place]);
        }
    }
}
