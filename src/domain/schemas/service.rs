//! What a schema holds, in numbers.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;

use super::store::Store;
use crate::domain::SchemaContext;
use crate::foundation::{Error, Result};
use crate::platform::config::SchemaName;

/// Counting all rows takes its time, and anybody may ask: the answer is kept for so long.
const KEPT_FOR: Duration = Duration::from_secs(5);

/// How many rows a schema has of what matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Users, imported and anonymous ones too.
    pub users: i64,
    /// Content items that are not deleted.
    pub contents: i64,
    /// People with an entry of their own.
    pub people: i64,
    /// Interactions.
    pub interactions: i64,
}

/// One schema seen from outside.
#[derive(Clone)]
pub struct SchemaService {
    name: SchemaName,
    store: Store,
    counts: Cache<(), Counts>,
}

impl SchemaService {
    /// The schema that `ctx` stands for.
    pub fn new(ctx: &SchemaContext) -> Self {
        Self {
            name: ctx.db.schema().clone(),
            store: Store::new(ctx.db.clone()),
            counts: Cache::builder()
                .max_capacity(1)
                .time_to_live(KEPT_FOR)
                .build(),
        }
    }

    /// The schema's name.
    pub fn name(&self) -> &SchemaName {
        &self.name
    }

    /// Whether its database answers.
    pub async fn answers(&self) -> bool {
        match self.store.ping().await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(schema = %self.name, ?error, "The database does not answer");
                false
            }
        }
    }

    /// How many rows it has, at most five seconds ago.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn counts(&self) -> Result<Counts> {
        self.counts
            .try_get_with((), self.store.counts())
            .await
            .map_err(|error: Arc<Error>| match &*error {
                Error::Unavailable(message) => Error::Unavailable(message.clone()),
                other => anyhow::anyhow!("counting failed: {other:?}").into(),
            })
    }
}
