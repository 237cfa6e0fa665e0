//! People in the database.

use sea_orm::{EntityTrait, QueryFilter};

use super::model::Person;
use crate::foundation::{Id, Result, id};
use crate::platform::db::entities::person;
use crate::platform::db::{Db, filter};

#[derive(Clone)]
pub(super) struct Store {
    db: Db,
}

impl Store {
    pub(super) fn new(db: Db) -> Self {
        Self { db }
    }

    pub(super) async fn find_many(&self, ids: &[Id<id::Person>]) -> Result<Vec<Person>> {
        let rows = person::Entity::find()
            .filter(filter::among(person::Column::Id, ids.iter().copied()))
            .all(self.db.read())
            .await?;
        Ok(rows.into_iter().map(Person::from).collect())
    }
}

impl From<person::Model> for Person {
    fn from(row: person::Model) -> Self {
        Self {
            id: row.id.into(),
            name: row.name,
            photo_url: row.photo_url,
            biography: row.biography,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}
