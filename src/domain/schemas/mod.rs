//! The database schemas that are served, each a world of its own.

pub mod preload;
pub mod service;
mod store;

pub use preload::{PreloadService, PreloadStatus};
pub use service::{Counts, SchemaService};

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::Services;
use crate::platform::config::SchemaName;

/// All schemas that this server serves, with their services.
pub struct Schemas {
    default: SchemaName,
    services: BTreeMap<SchemaName, Arc<Services>>,
}

impl Schemas {
    /// These schemas, of which `default` is one.
    pub fn new(default: SchemaName, services: BTreeMap<SchemaName, Arc<Services>>) -> Self {
        Self { default, services }
    }

    /// The name of the schema that `/graphql` serves.
    pub fn default_name(&self) -> &SchemaName {
        &self.default
    }

    /// The services of a schema, if it is served.
    pub fn get(&self, name: &SchemaName) -> Option<&Arc<Services>> {
        self.services.get(name)
    }

    /// Every schema, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&SchemaName, &Arc<Services>)> {
        self.services.iter()
    }
}
