//! The database schemas that are served.

use std::sync::Arc;

use async_graphql::{Context, Object, Result};

use crate::domain::Services;
use crate::domain::schemas::{self, Schemas};
use crate::graphql::ContextExt;
use crate::graphql::number::int;

/// A database schema that this server serves: a world of its own, whose data never meets that
/// of another.
pub struct DatabaseSchema {
    services: Arc<Services>,
    is_default: bool,
}

/// A database schema that this server serves: a world of its own, whose data never meets that
/// of another.
#[Object]
impl DatabaseSchema {
    /// Its name.
    async fn name(&self) -> &str {
        self.services.schema.name().as_str()
    }

    /// Where it is served: `/graphql` or `/graphql/{name}`.
    async fn path(&self) -> String {
        if self.is_default {
            "/graphql".to_owned()
        } else {
            format!("/graphql/{}", self.services.schema.name())
        }
    }

    /// Whether it is the one that `/graphql` serves.
    async fn is_default(&self) -> bool {
        self.is_default
    }

    /// How many rows it has, at most a few seconds ago; null if its database does not answer.
    #[graphql(complexity = "20 + child_complexity")]
    async fn counts(&self) -> Option<Result<SchemaCounts>> {
        let counts = self.services.schema.counts().await;
        Some(counts.map(SchemaCounts).map_err(Into::into))
    }
}

/// How many rows a schema has.
pub struct SchemaCounts(schemas::Counts);

/// How many rows a schema has.
#[Object]
impl SchemaCounts {
    /// Users, imported and anonymous ones too.
    async fn users(&self) -> i32 {
        int(self.0.users)
    }

    /// Content items that are not deleted.
    async fn contents(&self) -> i32 {
        int(self.0.contents)
    }

    /// People with an entry of their own.
    async fn people(&self) -> i32 {
        int(self.0.people)
    }

    /// Interactions.
    async fn interactions(&self) -> i32 {
        int(self.0.interactions)
    }
}

/// Queries about the server itself.
#[derive(Clone, Copy, Default)]
pub struct SchemaQuery;

/// Queries about the server itself.
#[Object]
impl SchemaQuery {
    /// The database schemas that this server serves, by name.
    async fn schemas(&self, ctx: &Context<'_>) -> Vec<DatabaseSchema> {
        let schemas: &Schemas = ctx.schemas();
        let all = schemas.iter().map(|(name, services)| DatabaseSchema {
            services: Arc::clone(services),
            is_default: name == schemas.default_name(),
        });
        all.collect()
    }
}
