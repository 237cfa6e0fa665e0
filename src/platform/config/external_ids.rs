//! Ids that callers give to users and items.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::SchemaName;
use crate::foundation::external_id::is_source;
use crate::foundation::{ExternalId, Refusal};

/// What is created when an interaction names it and nobody has heard of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CreateUnknown {
    /// Users.
    Users,
    /// Items.
    Items,
    /// Users and items.
    Both,
    /// Nothing: such an interaction is refused.
    None,
}

impl CreateUnknown {
    /// Whether users are created.
    pub fn users(self) -> bool {
        matches!(self, Self::Users | Self::Both)
    }

    /// Whether items are created.
    pub fn items(self) -> bool {
        matches!(self, Self::Items | Self::Both)
    }
}

/// The settings of external ids in one schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalIdSettings {
    /// The source of an external id that is given without one.
    pub source: String,
    /// What is created when an interaction names it.
    pub create: CreateUnknown,
}

impl ExternalIdSettings {
    /// An external id as a caller gives it, with the source of the schema where none is given.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] at `externalId` or `source`.
    pub fn read(&self, value: String, source: Option<String>) -> Result<ExternalId, Refusal> {
        ExternalId::new(source.unwrap_or_else(|| self.source.clone()), value)
    }
}

/// The settings of external ids in all schemas.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalIds {
    source: String,
    create: CreateUnknown,
    schemas: BTreeMap<SchemaName, OfSchema>,
}

/// What a schema has otherwise than the others.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfSchema {
    source: Option<String>,
    create: Option<CreateUnknown>,
}

impl ExternalIds {
    /// The settings of a schema.
    pub fn of(&self, schema: &SchemaName) -> ExternalIdSettings {
        let own = self.schemas.get(schema);
        ExternalIdSettings {
            source: own
                .and_then(|own| own.source.clone())
                .unwrap_or_else(|| self.source.clone()),
            create: own.and_then(|own| own.create).unwrap_or(self.create),
        }
    }

    /// Refuses sources that cannot be, and schemas that are not served.
    ///
    /// # Errors
    /// A sentence that names the setting and says what to do.
    pub(super) fn check(&self, served: &[SchemaName]) -> anyhow::Result<()> {
        let own = self.schemas.values().filter_map(|own| own.source.as_ref());
        for source in own.chain([&self.source]) {
            anyhow::ensure!(
                is_source(source),
                "`external_ids.source`: `{source}` is not 1 to 40 lower-case letters, digits, `_` and `-`"
            );
        }
        for schema in self.schemas.keys() {
            anyhow::ensure!(
                served.contains(schema),
                "`external_ids.schemas.{schema}`: this schema is not among `schemas`"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_has_its_own_settings_and_otherwise_those_of_all() {
        let settings: ExternalIds = toml::from_str(
            "source = \"app\"\ncreate = \"none\"\n[schemas.shop]\ncreate = \"both\"\n",
        )
        .unwrap();
        let shop: SchemaName = "shop".parse().unwrap();
        let demo: SchemaName = "demo".parse().unwrap();
        let of = |source: &str, create| ExternalIdSettings {
            source: source.to_owned(),
            create,
        };
        assert_eq!(settings.of(&shop), of("app", CreateUnknown::Both));
        assert_eq!(settings.of(&demo), of("app", CreateUnknown::None));
        assert!(settings.check(std::slice::from_ref(&shop)).is_ok());
        let refused = settings.check(&[demo]).unwrap_err().to_string();
        assert!(refused.contains("external_ids.schemas.shop"), "{refused}");
    }
}
