//! The database schemas that are served.

use std::sync::Arc;

use async_graphql::{Context, Object, Result};

use crate::domain::Services;
use crate::domain::schemas::{self, Schemas};
use crate::graphql::ContextExt;
use crate::graphql::number::int;

/// A database schema served by this server. Schemas are independent of each other and share no
/// data.
pub struct DatabaseSchema {
    services: Arc<Services>,
    is_default: bool,
}

/// A database schema served by this server. Schemas are independent of each other and share no
/// data.
#[Object]
impl DatabaseSchema {
    /// Name of the database schema.
    async fn name(&self) -> &str {
        self.services.schema.name().as_str()
    }

    /// Path of its GraphQL endpoint: `/graphql` for the default schema, otherwise
    /// `/graphql/{name}`.
    async fn path(&self) -> String {
        if self.is_default {
            "/graphql".to_owned()
        } else {
            format!("/graphql/{}", self.services.schema.name())
        }
    }

    /// Whether this is the default schema, served at `/graphql`.
    async fn is_default(&self) -> bool {
        self.is_default
    }

    /// Numbers of rows of the schema, at most five seconds old; null, with an error, if its
    /// database is not available.
    #[graphql(complexity = "20 + child_complexity")]
    async fn counts(&self) -> Option<Result<SchemaCounts>> {
        let counts = self.services.schema.counts().await;
        Some(counts.map(SchemaCounts).map_err(Into::into))
    }
}

/// Numbers of rows of a database schema.
pub struct SchemaCounts(schemas::Counts);

/// Numbers of rows of a database schema.
#[Object]
impl SchemaCounts {
    /// Number of users, including imported and anonymous ones.
    async fn users(&self) -> i32 {
        int(self.0.users)
    }

    /// Number of content items that are not deleted.
    async fn contents(&self) -> i32 {
        int(self.0.contents)
    }

    /// Number of people in the catalogue.
    async fn people(&self) -> i32 {
        int(self.0.people)
    }

    /// Number of interactions of all users.
    async fn interactions(&self) -> i32 {
        int(self.0.interactions)
    }
}

/// Queries of the server.
#[derive(Clone, Copy, Default)]
pub struct SchemaQuery;

/// Queries of the server.
#[Object]
impl SchemaQuery {
    /// Lists the database schemas served by this server. No authentication required.
    async fn schemas(&self, ctx: &Context<'_>) -> Vec<DatabaseSchema> {
        let schemas: &Schemas = ctx.schemas();
        let all = schemas.iter().map(|(name, services)| DatabaseSchema {
            services: Arc::clone(services),
            is_default: name == schemas.default_name(),
        });
        all.collect()
    }
}
