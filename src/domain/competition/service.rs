//! Airings: the schedule, and the films to recognise in it.

use std::collections::HashMap;

use super::films::FilmIndex;
use super::model::{Airing, AiringFilter};
use super::store::Store;
use crate::domain::SchemaContext;
use crate::domain::auth::Viewer;
use crate::foundation::page::{Page, Window};
use crate::foundation::{Error, Id, Result, id};

/// The airings of one schema. Curators and admins may read them.
#[derive(Clone)]
pub struct CompetitionService {
    store: Store,
}

impl CompetitionService {
    /// The airings of the schema of `ctx`.
    pub fn new(ctx: &SchemaContext) -> Self {
        Self {
            store: Store::new(ctx.db.clone()),
        }
    }

    /// The airings of these ids; none for whoever may not read them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_many(
        &self,
        viewer: &Viewer,
        ids: &[Id<id::Airing>],
    ) -> Result<HashMap<Id<id::Airing>, Airing>> {
        if viewer.curator().is_err() {
            return Ok(HashMap::new());
        }
        let found = self.store.find_many(ids).await?;
        Ok(found.into_iter().map(|one| (one.id, one)).collect())
    }

    /// One page of the airings that a filter describes, the earliest first.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] and [`Error::Forbidden`] for all but curators and admins;
    /// [`InvalidInput`](crate::foundation::Refusal::InvalidInput) for a filter too large and for a cursor of another list.
    pub async fn schedule(
        &self,
        viewer: &Viewer,
        filter: &AiringFilter,
        window: &Window,
    ) -> Result<Page<Airing>> {
        viewer.curator()?;
        filter.check()?;
        let rows = self.store.list(filter, window).await?;
        Ok(Page::cut(window, rows))
    }

    /// How many airings [`CompetitionService::schedule`] lists in all.
    ///
    /// # Errors
    /// Those of [`CompetitionService::schedule`].
    pub async fn count(&self, viewer: &Viewer, filter: &AiringFilter) -> Result<u64> {
        viewer.curator()?;
        filter.check()?;
        self.store.count(filter).await
    }

    /// The films of the catalogue, to recognise them in what is imported.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] and [`Error::Forbidden`] for all but admins.
    pub async fn films(&self, viewer: &Viewer) -> Result<FilmIndex> {
        viewer.admin()?;
        let (films, external) = (self.store.films().await?, self.store.external_ids().await?);
        let index = tokio::task::spawn_blocking(move || FilmIndex::new(films, external));
        index.await.map_err(|error| Error::Internal(error.into()))
    }
}
