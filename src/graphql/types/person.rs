//! People: type and queries.

use std::sync::Arc;

use async_graphql::Object;

use crate::domain::people::model as domain;

/// Somebody who made or plays in a content item.
#[derive(Clone, Debug)]
pub struct Person(pub Arc<domain::Person>);

impl From<domain::Person> for Person {
    fn from(person: domain::Person) -> Self {
        Self(Arc::new(person))
    }
}

/// Somebody who made or plays in a content item.
#[Object]
impl Person {
    /// Opaque and unique.
    pub async fn id(&self) -> async_graphql::ID {
        self.0.id.into()
    }

    /// As credited.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Where their picture is.
    async fn photo_url(&self) -> Option<&str> {
        self.0.photo_url.as_deref()
    }

    /// Who they are, in a few sentences.
    async fn biography(&self) -> Option<&str> {
        self.0.biography.as_deref()
    }
}
