//! People of the catalogue.

use std::collections::HashMap;

use super::model::Person;
use super::store::Store;
use crate::domain::Ground;
use crate::foundation::{Id, Result, id};

/// The people of one schema.
#[derive(Clone)]
pub struct PeopleService {
    store: Store,
}

impl PeopleService {
    /// The people of the schema that `ground` stands for.
    pub fn new(ground: &Ground) -> Self {
        Self {
            store: Store::new(ground.db.clone()),
        }
    }

    /// The people of these ids.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_many(
        &self,
        ids: &[Id<id::Person>],
    ) -> Result<HashMap<Id<id::Person>, Person>> {
        let found = self.store.find_many(ids).await?;
        Ok(found
            .into_iter()
            .map(|person| (person.id, person))
            .collect())
    }
}
