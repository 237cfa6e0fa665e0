//! Removing files that nothing names any more.

use chrono::TimeDelta;
use futures::TryStreamExt;

use super::service::GenerationService;
use crate::domain::auth::Viewer;
use crate::foundation::Result;
use crate::platform::objects::ObjectName;

/// A file is written before the row that names it: so young, it may still get one.
const YOUNG: TimeDelta = TimeDelta::days(1);
/// So many files are asked about at a time.
const AT_ONCE: usize = 1_000;

impl GenerationService {
    /// Removes those of these files that nothing names any more: their items were erased. What
    /// cannot be removed now goes when it is old, by [`GenerationService::remove_unnamed`]. For
    /// admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Forbidden`], and when the database fails.
    pub async fn discard(&self, viewer: &Viewer, files: &[ObjectName]) -> Result<()> {
        viewer.admin()?;
        let gone = self.clock.now() - YOUNG;
        for file in self.store.unnamed(files, gone).await? {
            if let Err(error) = self.objects.delete(&self.schema, &file).await {
                tracing::warn!(?error, "The file of an erased item cannot be removed now");
            }
        }
        Ok(())
    }

    /// Removes the files older than a day that nothing names: what was deleted, replaced, or never
    /// got a row; answers how many. No file is read. For admins.
    ///
    /// # Errors
    /// [`crate::foundation::Error::Forbidden`]; when the database or the file store fails. What was
    /// removed before stays removed.
    pub async fn remove_unnamed(&self, viewer: &Viewer) -> Result<u64> {
        viewer.admin()?;
        let before = self.clock.now() - YOUNG;
        let mut removed = 0;
        let mut old = self.objects.older(&self.schema, before).try_chunks(AT_ONCE);
        while let Some(files) = old.try_next().await.map_err(|failed| failed.1)? {
            for file in self.store.unnamed(&files, before).await? {
                // Asked again: the same bytes may just have been made once more.
                let gone = self.objects.delete_older(&self.schema, &file, before);
                removed += u64::from(gone.await?);
            }
        }
        Ok(removed)
    }
}
