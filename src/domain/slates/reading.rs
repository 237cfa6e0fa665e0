//! Reading slates and selections.

use std::collections::HashMap;

use super::model::{Selection, SelectionFilter, Slate};
use super::service::SlateService;
use crate::domain::auth::Viewer;
use crate::foundation::page::{Page, Window};
use crate::foundation::{Id, Result, id};

impl SlateService {
    /// The slates of these ids. For curators and admins; others find none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_many(
        &self,
        viewer: &Viewer,
        ids: &[Id<id::Slate>],
    ) -> Result<HashMap<Id<id::Slate>, Slate>> {
        if viewer.curator().is_err() {
            return Ok(HashMap::new());
        }
        let found = self.store.find_many(ids).await?;
        Ok(found.into_iter().map(|slate| (slate.id, slate)).collect())
    }

    /// The selections from these slates. For curators and admins; others find none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn selections_of(
        &self,
        viewer: &Viewer,
        slates: &[Id<id::Slate>],
    ) -> Result<HashMap<Id<id::Slate>, Selection>> {
        if viewer.curator().is_err() {
            return Ok(HashMap::new());
        }
        let found = self.store.selections_of(slates).await?;
        let by_slate = found
            .into_iter()
            .map(|selection| (selection.slate, selection));
        Ok(by_slate.collect())
    }

    /// The selections of these ids. For curators and admins; others find none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_selections(
        &self,
        viewer: &Viewer,
        ids: &[Id<id::Selection>],
    ) -> Result<HashMap<Id<id::Selection>, Selection>> {
        if viewer.curator().is_err() {
            return Ok(HashMap::new());
        }
        let found = self.store.find_selections(ids).await?;
        let by_id = found.into_iter().map(|selection| (selection.id, selection));
        Ok(by_id.collect())
    }

    /// One page of the selections, the newest first. For curators and admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Forbidden`] for others; [`crate::foundation::Refusal::InvalidInput`] for a cursor of another list.
    pub async fn selections(
        &self,
        viewer: &Viewer,
        filter: SelectionFilter,
        window: &Window,
    ) -> Result<Page<Selection>> {
        viewer.curator()?;
        let rows = self.store.selections(filter, window).await?;
        Ok(Page::cut(window, rows))
    }

    /// How many selections there are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_selections(&self, filter: SelectionFilter) -> Result<u64> {
        self.store.count_selections(filter).await
    }
}
