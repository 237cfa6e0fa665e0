//! Who may upload, and what becomes of the files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use tempfile::TempDir;

use super::model::Upload;
use super::reception::Reception;
use super::store::Store;
use crate::domain::Ground;
use crate::domain::auth::Viewer;
use crate::foundation::page::{Page, Window};
use crate::foundation::{Chance, Clock, Error, Id, Refusal, Result, id};
use crate::platform::config::SchemaName;
use crate::platform::objects::Objects;

/// The folder under the data directory in which the files of imports are laid out.
const FOLDER: &str = "imports";
/// So many are removed between two questions for more.
const AT_ONCE: u64 = 100;

/// The uploaded files of one schema.
#[derive(Clone)]
pub struct UploadService {
    pub(super) store: Store,
    pub(super) objects: Objects,
    pub(super) schema: SchemaName,
    pub(super) clock: Clock,
    pub(super) chance: Chance,
    data_dir: PathBuf,
}

/// Uploaded files in a folder on this machine, under their own names. Dropped, the folder is gone.
pub struct Laid {
    folder: TempDir,
    /// The files, in the order in which they were named.
    pub uploads: Vec<Upload>,
}

impl Laid {
    /// The folder with the files and nothing else.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    /// A place beside that folder.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl UploadService {
    /// The uploaded files of the schema that `ground` stands for.
    pub fn new(ground: &Ground) -> Self {
        Self {
            store: Store::new(ground.db.clone()),
            objects: ground.objects.clone(),
            schema: ground.db.schema().clone(),
            clock: ground.clock.clone(),
            chance: ground.chance.clone(),
            data_dir: ground.settings.data_dir.clone(),
        }
    }

    /// Begins to receive files. For admins.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`].
    pub fn receive(&self, viewer: &Viewer) -> Result<Reception> {
        viewer.admin()?;
        Ok(Reception {
            service: self.clone(),
            owner: viewer.user(),
            whole: Vec::new(),
            current: None,
        })
    }

    /// The uploaded files, the newest first. For admins.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`], [`Refusal::InvalidInput`] for a cursor of
    /// another list.
    pub async fn list(&self, viewer: &Viewer, window: &Window) -> Result<Page<Upload>> {
        viewer.admin()?;
        Ok(Page::cut(window, self.store.list(window).await?))
    }

    /// How many there are. For admins.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`].
    pub async fn count(&self, viewer: &Viewer) -> Result<u64> {
        viewer.admin()?;
        self.store.count().await
    }

    /// Removes an uploaded file. What was imported of it stays. For admins.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`], [`Refusal::NotFound`].
    pub async fn delete(&self, viewer: &Viewer, id: Id<id::Upload>) -> Result<Id<id::Upload>> {
        viewer.admin()?;
        let found = self.store.find_many(&[id]).await?;
        let upload = found.first().ok_or_else(not_found)?;
        self.remove(upload).await?;
        Ok(id)
    }

    /// Removes what was uploaded before then; answers how many files. For admins.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; when the database or the store fails. What was removed before stays
    /// removed.
    pub async fn remove_older(&self, viewer: &Viewer, before: DateTime<Utc>) -> Result<u64> {
        viewer.admin()?;
        let mut removed = 0;
        loop {
            let old = self.store.older(before, AT_ONCE).await?;
            for upload in &old {
                removed += u64::from(self.remove(upload).await?);
            }
            if (old.len() as u64) < AT_ONCE {
                return Ok(removed);
            }
        }
    }

    /// The file goes first: if that fails, the row is still there for the next try.
    async fn remove(&self, upload: &Upload) -> Result<bool> {
        self.objects.discard(&self.schema, &upload.object).await?;
        self.store.delete(upload.id).await
    }

    /// Those files, in this order, if they can be imported together. For admins.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Refusal::InvalidInput`] at `uploadIds` for one that is not there, and
    /// for two of one name.
    pub async fn together(&self, viewer: &Viewer, ids: &[Id<id::Upload>]) -> Result<Vec<Upload>> {
        viewer.admin()?;
        let found = self.store.find_many(ids).await?;
        let refuse = |message: String| Error::from(Refusal::invalid("uploadIds", message));
        let mut names = BTreeSet::new();
        let uploads = ids.iter().map(|id| {
            let upload = found.iter().find(|upload| upload.id == *id);
            let upload = upload.ok_or_else(|| {
                refuse(format!("there is no upload `{id}` any more; upload it again"))
            })?;
            if !names.insert(upload.name.as_str()) {
                let message = format!("two of these files are called `{}`", upload.name);
                return Err(refuse(message));
            }
            Ok(upload.clone())
        });
        uploads.collect()
    }

    /// Lays those files out in a folder on this machine, under their own names. `label` names who
    /// needs them: what an earlier try of the same left behind, because its process was killed, is
    /// removed. For admins.
    ///
    /// # Errors
    /// As [`UploadService::together`]; [`Error::Unavailable`] when the store cannot be read or the
    /// data directory cannot be written.
    pub async fn lay_out(
        &self,
        viewer: &Viewer,
        ids: &[Id<id::Upload>],
        label: &str,
    ) -> Result<Laid> {
        let uploads = self.together(viewer, ids).await?;
        let folder = folder(&self.data_dir.join(FOLDER), label).map_err(|error| {
            tracing::error!(%error, "The folder of an import cannot be made");
            Error::Unavailable("the data directory cannot be written".to_owned())
        })?;
        let laid = Laid { folder, uploads };
        for upload in &laid.uploads {
            let to = laid.folder().join(&upload.name);
            if !self.objects.fetch(&self.schema, &upload.object, &to).await? {
                let message = format!("the file `{}` is gone; upload it again", upload.name);
                return Err(Refusal::invalid("uploadIds", message).into());
            }
        }
        Ok(laid)
    }
}

/// A fresh folder for `label`, with a folder for the files in it.
fn folder(parent: &Path, label: &str) -> std::io::Result<TempDir> {
    std::fs::create_dir_all(parent)?;
    let prefix = format!("{label}-");
    for left in std::fs::read_dir(parent)? {
        let left = left?;
        if left.file_name().to_string_lossy().starts_with(&prefix) {
            std::fs::remove_dir_all(left.path())?;
        }
    }
    let folder = tempfile::Builder::new().prefix(&prefix).tempdir_in(parent)?;
    std::fs::create_dir(folder.path().join("files"))?;
    Ok(folder)
}

fn not_found() -> Error {
    Refusal::NotFound { thing: "upload" }.into()
}
