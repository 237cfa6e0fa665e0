//! People of the catalogue: reading, listing and changing them. What they made is the catalogue's
//! to tell: see [`crate::domain::content::filmography`].

use std::collections::HashMap;

use super::model::{Fields, Person, PersonFilter, PersonOrder};
use super::store::Store;
use crate::domain::SchemaContext;
use crate::domain::auth::{Scope, Viewer};
use crate::foundation::page::{Page, Window};
use crate::foundation::{Clock, Error, Id, Refusal, Result, Rng, id};
use crate::platform::cache::{Cache, Tag};

/// The people of one schema.
#[derive(Clone)]
pub struct PeopleService {
    store: Store,
    cache: Cache,
    clock: Clock,
    rng: Rng,
}

impl PeopleService {
    /// The people of the schema of `ctx`.
    pub fn new(ctx: &SchemaContext) -> Self {
        Self {
            store: Store::new(ctx.db.clone()),
            cache: ctx.cache.clone(),
            clock: ctx.clock.clone(),
            rng: ctx.rng.clone(),
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

    /// The person of this name, whatever the case; of several the one with the most credits.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn named(&self, name: &str) -> Result<Option<Person>> {
        self.store.named(name.trim()).await
    }

    /// One page of the people of the catalogue.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] for a cursor of another order or a filter too large.
    pub async fn list(
        &self,
        filter: &PersonFilter,
        order: (PersonOrder, bool),
        window: &Window,
    ) -> Result<Page<Person>> {
        filter.check()?;
        let rows = self.store.list(filter, order, window).await?;
        Ok(Page::cut(window, rows))
    }

    /// How many people [`PeopleService::list`] would list in all.
    ///
    /// # Errors
    /// [`Refusal::InvalidInput`] for a filter too large.
    pub async fn count(&self, filter: &PersonFilter) -> Result<u64> {
        filter.check()?;
        self.store.count(filter).await
    }

    /// Adds a person.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for whoever may not write the catalogue, [`Refusal::InvalidInput`] for
    /// what cannot be stored, [`Refusal::Conflict`] for a name that is taken.
    pub async fn create(&self, viewer: &Viewer, mut fields: Fields) -> Result<Person> {
        viewer.admin_or(Scope::CatalogueWrite)?;
        tidy(&mut fields);
        fields.check()?;
        let now = self.clock.now();
        let person = Person {
            id: Id::new(&self.clock, &self.rng),
            fields,
            created_at: now,
            updated_at: now,
        };
        let done = self.store.insert(person.clone()).await;
        self.cache.invalidate(&[Tag::Catalogue]);
        done.map(|()| person)
    }

    /// Changes a person: `change` edits the present fields.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for whoever may not write the catalogue, [`Refusal::NotFound`] for a
    /// person who is not there, [`Refusal::InvalidInput`] for what cannot be stored,
    /// [`Refusal::Conflict`] for a name that is taken.
    pub async fn update(
        &self,
        viewer: &Viewer,
        id: Id<id::Person>,
        change: impl FnOnce(&mut Fields) + Send + 'static,
    ) -> Result<Person> {
        viewer.admin_or(Scope::CatalogueWrite)?;
        let done = self
            .store
            .update(id, self.clock.now(), move |fields| {
                change(fields);
                tidy(fields);
                fields.check()
            })
            .await;
        self.cache.invalidate(&[Tag::Catalogue]);
        done
    }

    /// Deletes a person without credits.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for whoever may not write the catalogue, [`Refusal::NotFound`] for a
    /// person who is not there, [`Refusal::Conflict`] for one with credits.
    pub async fn delete(&self, viewer: &Viewer, id: Id<id::Person>) -> Result<()> {
        viewer.admin_or(Scope::CatalogueWrite)?;
        let done = self.store.delete(id).await;
        self.cache.invalidate(&[Tag::Catalogue]);
        done
    }
}

/// What is said of a person who is not there.
pub(super) fn not_found() -> Error {
    Refusal::NotFound { thing: "person" }.into()
}

fn tidy(fields: &mut Fields) {
    fields.name = fields.name.trim().to_owned();
}
