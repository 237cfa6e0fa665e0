//! Who may upload, and what becomes of the files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::model::Upload;
use super::reception::Reception;
use super::store::Store;
use crate::domain::SchemaContext;
use crate::domain::auth::Viewer;
use crate::foundation::page::{Page, Window};
use crate::foundation::{Clock, Error, Id, Refusal, Result, Rng, id};
use crate::platform::config::SchemaName;
use crate::platform::objects::Objects;

/// The folder under the data directory in which the files of imports are laid out.
const FOLDER: &str = "imports";

/// The uploaded files of one schema.
#[derive(Clone)]
pub struct UploadService {
    pub(super) store: Store,
    objects: Objects,
    schema: SchemaName,
    clock: Clock,
    rng: Rng,
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
    /// The uploaded files of the schema of `ctx`.
    pub fn new(ctx: &SchemaContext) -> Self {
        Self {
            store: Store::new(ctx.db.clone()),
            objects: ctx.objects.clone(),
            schema: ctx.db.schema().clone(),
            clock: ctx.clock.clone(),
            rng: ctx.rng.clone(),
            data_dir: ctx.settings.data_dir.clone(),
        }
    }

    /// Whether the viewer may upload, to be asked before anything is read. Admins may.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`].
    pub fn may_upload(&self, viewer: &Viewer) -> Result<()> {
        viewer.admin()
    }

    /// Begins to receive a file. For admins.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`]; [`Error::Unavailable`] when the store
    /// cannot be written.
    pub async fn receive(&self, viewer: &Viewer) -> Result<Reception> {
        self.may_upload(viewer)?;
        let id: Id<id::Upload> = Id::new(&self.clock, &self.rng);
        let incoming = self.objects.receive(&self.schema, &object(id)).await?;
        Ok(Reception {
            service: self.clone(),
            upload: Upload {
                id,
                name: String::new(),
                bytes: 0,
                sha256: [0; 32],
                owner: viewer.user(),
                created_at: self.clock.now(),
            },
            incoming,
            digest: Sha256::new(),
        })
    }

    /// The viewer's uploaded files, the newest first; all for admins.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for nobody, [`Refusal::InvalidInput`] for a cursor of another
    /// list.
    pub async fn list(&self, viewer: &Viewer, window: &Window) -> Result<Page<Upload>> {
        signed_in(viewer)?;
        let rows = self.store.list(viewer, window).await?;
        Ok(Page::cut(window, rows))
    }

    /// How many there are in that list.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for nobody.
    pub async fn count(&self, viewer: &Viewer) -> Result<u64> {
        signed_in(viewer)?;
        self.store.count(viewer).await
    }

    /// Removes an uploaded file. What was imported of it stays. For its owner and admins.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for nobody, [`Refusal::NotFound`] for one that is not there or is
    /// somebody else's.
    pub async fn delete(&self, viewer: &Viewer, id: Id<id::Upload>) -> Result<Id<id::Upload>> {
        signed_in(viewer)?;
        let found = self.store.find_many(viewer, &[id]).await?;
        let upload = found.first().ok_or_else(not_found)?;
        // The file first: if that fails, the row is still there for another try.
        self.discard(upload.id).await?;
        if !self.store.delete(upload.id).await? {
            return Err(not_found());
        }
        Ok(id)
    }

    /// Removes what was uploaded before then, and what a server that was killed in the midst of an
    /// upload left behind; answers how many uploads. For admins.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; when the database or the store fails. What was removed before stays
    /// removed.
    pub async fn remove_older(&self, viewer: &Viewer, before: DateTime<Utc>) -> Result<u64> {
        viewer.admin()?;
        let removed = self.store.delete_older(before).await?;
        // Their names tell their age, so that files without a row are found as well.
        let old = move |name: &str| {
            let id = name.parse::<Id<id::Upload>>();
            id.is_ok_and(|id| id.time() < before)
        };
        self.objects.sweep(&self.schema, old).await?;
        Ok(removed)
    }

    /// Removes the folders of this machine in which an import was laid out before then, and whose
    /// job is not one of those that run: its process was killed. Answers how many. For admins.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::Unavailable`] when the data directory cannot be written.
    pub async fn remove_folders(
        &self,
        viewer: &Viewer,
        before: DateTime<Utc>,
        running: Vec<Id<id::Job>>,
    ) -> Result<u64> {
        viewer.admin()?;
        let (parent, schema) = (self.data_dir.join(FOLDER), self.schema.clone());
        let sweep = move || sweep(&parent, &schema, before, &running);
        let swept = tokio::task::spawn_blocking(sweep).await;
        let swept = swept.map_err(|error| Error::Internal(error.into()))?;
        swept.map_err(|error| unwritable(&error))
    }

    /// Removes the files of uploads that are no more: their user was erased. What cannot be removed
    /// now goes when it is old, by [`UploadService::remove_older`]. For admins.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub async fn discard_all(&self, viewer: &Viewer, uploads: &[Id<id::Upload>]) -> Result<()> {
        viewer.admin()?;
        for upload in uploads {
            if let Err(error) = self.discard(*upload).await {
                tracing::warn!(?error, %upload, "The file of an upload cannot be removed now");
            }
        }
        Ok(())
    }

    pub(super) async fn discard(&self, id: Id<id::Upload>) -> Result<()> {
        self.objects.discard(&self.schema, &object(id)).await
    }

    /// Those files, in this order, if they can be imported together. For admins.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Refusal::InvalidInput`] at `uploadIds` for one that is not there, and
    /// for two of one name.
    pub async fn together(&self, viewer: &Viewer, ids: &[Id<id::Upload>]) -> Result<Vec<Upload>> {
        viewer.admin()?;
        let found = self.store.find_many(viewer, ids).await?;
        let refuse = |message: String| Error::from(Refusal::invalid("uploadIds", message));
        let mut names = BTreeSet::new();
        let uploads = ids.iter().map(|id| {
            let upload = found.iter().find(|upload| upload.id == *id);
            let upload = upload.ok_or_else(|| {
                refuse(format!(
                    "there is no upload `{id}`, or not any more; upload the file again"
                ))
            })?;
            if !names.insert(upload.name.as_str()) {
                let message = format!("two of these files are called `{}`", upload.name);
                return Err(refuse(message));
            }
            Ok(upload.clone())
        });
        uploads.collect()
    }

    /// Lays those files out in a folder on this machine, under their own names, for this job. What an
    /// earlier try of the same left behind, because its process was killed, is removed. For admins.
    ///
    /// # Errors
    /// As [`UploadService::together`]; [`Error::Unavailable`] when the store cannot be read or the
    /// data directory cannot be written.
    pub async fn lay_out(
        &self,
        viewer: &Viewer,
        ids: &[Id<id::Upload>],
        job: Id<id::Job>,
    ) -> Result<Laid> {
        let uploads = self.together(viewer, ids).await?;
        let folder = folder(&self.data_dir.join(FOLDER), &self.schema, job)
            .map_err(|error| unwritable(&error))?;
        let laid = Laid { folder, uploads };
        for upload in &laid.uploads {
            let to = laid.folder().join(&upload.name);
            let object = object(upload.id);
            if !self.objects.fetch(&self.schema, &object, &to).await? {
                let message = format!("the file `{}` is gone; upload it again", upload.name);
                return Err(Refusal::invalid("uploadIds", message).into());
            }
        }
        Ok(laid)
    }
}

/// What an upload is called in the object store.
fn object(id: Id<id::Upload>) -> String {
    id.to_string()
}

/// A fresh folder for a job, with a folder for the files in it.
fn folder(parent: &Path, schema: &SchemaName, job: Id<id::Job>) -> std::io::Result<TempDir> {
    std::fs::create_dir_all(parent)?;
    let prefix = format!("{schema}-{job}-");
    for left in std::fs::read_dir(parent)? {
        let left = left?;
        if left.file_name().to_string_lossy().starts_with(&prefix) {
            std::fs::remove_dir_all(left.path())?;
        }
    }
    let folder = tempfile::Builder::new()
        .prefix(&prefix)
        .tempdir_in(parent)?;
    std::fs::create_dir(folder.path().join("files"))?;
    Ok(folder)
}

/// Removes the folders of a schema that were made before then, but those of jobs that run.
fn sweep(
    parent: &Path,
    schema: &SchemaName,
    before: DateTime<Utc>,
    running: &[Id<id::Job>],
) -> std::io::Result<u64> {
    let folders = match std::fs::read_dir(parent) {
        Ok(folders) => folders,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut removed = 0;
    for folder in folders {
        let folder = folder?;
        let name = folder.file_name();
        let name = name.to_string_lossy();
        let mut parts = name.splitn(3, '-');
        if parts.next() != Some(schema.as_str()) {
            continue;
        }
        let job = parts.next().and_then(|job| job.parse::<Id<id::Job>>().ok());
        let left = job.is_some_and(|job| !running.contains(&job));
        if left && DateTime::<Utc>::from(folder.metadata()?.modified()?) < before {
            std::fs::remove_dir_all(folder.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

fn signed_in(viewer: &Viewer) -> Result<()> {
    match viewer {
        Viewer::Nobody => Err(Error::signed_out()),
        _ => Ok(()),
    }
}

fn unwritable(error: &std::io::Error) -> Error {
    tracing::error!(%error, "The folders of imports cannot be written");
    Error::Unavailable("the data directory cannot be written".to_owned())
}

fn not_found() -> Error {
    Refusal::NotFound { thing: "upload" }.into()
}
