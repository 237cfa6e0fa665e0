//! What a part of the catalogue is made of, in counts.

use super::model::{ContentFilter, ContentKind};
use super::service::ContentService;
use crate::domain::auth::Viewer;
use crate::foundation::Result;

/// By what items are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Facet {
    /// Each of an item's genres.
    Genre,
    /// Each of the catalogue's key words.
    Tag,
    /// The original language.
    Language,
    /// The brand.
    Brand,
    /// The merchant.
    Merchant,
}

/// How many items have a value.
#[derive(Clone, Debug, PartialEq)]
pub struct FacetCount<T = String> {
    /// The value.
    pub value: T,
    /// How many items.
    pub count: i64,
}

impl ContentService {
    /// How many of the items that `viewer` may list have each value of `facet`: the `most` frequent
    /// ones, the most frequent first. Items without a value are in no group.
    ///
    /// # Errors
    /// [`crate::foundation::Refusal::InvalidInput`] for a filter too large.
    pub async fn facet(
        &self,
        viewer: &Viewer,
        filter: &ContentFilter,
        facet: Facet,
        most: usize,
    ) -> Result<Vec<FacetCount>> {
        filter.check()?;
        self.store.facet(viewer, filter, facet, most).await
    }

    /// How many of the items that `viewer` may list are of each kind, the most frequent first.
    ///
    /// # Errors
    /// [`crate::foundation::Refusal::InvalidInput`] for a filter too large.
    pub async fn kinds(
        &self,
        viewer: &Viewer,
        filter: &ContentFilter,
    ) -> Result<Vec<FacetCount<ContentKind>>> {
        filter.check()?;
        self.store.kinds(viewer, filter).await
    }

    /// How many of the items that `viewer` may list are of each decade, the first decade first.
    ///
    /// # Errors
    /// [`crate::foundation::Refusal::InvalidInput`] for a filter too large.
    pub async fn decades(
        &self,
        viewer: &Viewer,
        filter: &ContentFilter,
    ) -> Result<Vec<FacetCount<i32>>> {
        filter.check()?;
        self.store.decades(viewer, filter).await
    }
}
